#!/usr/bin/env bash
# Builds and runs the tests, after installing what is missing.
#   scripts/test.sh         all tests, with GCC; a second call costs seconds
#   scripts/test.sh full    also Clang, sanitizers, other instruction sets, Arm under qemu, consumers
source "$(dirname "$0")/common.sh"

case "${1:-}" in
  "") ;;
  full) ;;
  *) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

# shellcheck disable=SC2086  # the list is words
need_packages $build_packages
if [ "${1:-}" != full ]; then
  test_preset dev
  exit
fi

need_packages ccache clang libclang-rt-dev python3 g++-aarch64-linux-gnu qemu-user
failed=""
run() { "$@" || failed="$failed [$*]"; }
run test_preset dev
run test_preset release
run test_preset clang
run test_preset asan-ubsan
scripts/tsan_tbb.sh && run test_preset tsan || failed="$failed [tsan]"
run test_preset dispatch
for isa in scalar sse4 avx2; do
  say "== dispatch, CFM_ISA=$isa"
  run env "CFM_ISA=$isa" ctest --preset dispatch -j "$(build_jobs)"
done
run test_preset scalar
run test_preset sse4
if grep -q avx512bw /proc/cpuinfo; then
  run test_preset avx512
else
  say "== avx512: compiled only, this processor cannot run it"
  run build_preset avx512
fi
scripts/aarch64_sysroot.sh && run test_preset aarch64 || failed="$failed [aarch64]"
run env CFM_FULL=1 scripts/check_hygiene.sh
run tests/packaging/run.sh
[ -z "$failed" ] || die "failed:$failed"
say "everything passed"
