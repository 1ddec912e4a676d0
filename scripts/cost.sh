#!/usr/bin/env bash
# What cfm costs its users: the time to compile one unit with the quick start, and the size of the
# stripped program. Budget: 8 s and 2 MB.
#   scripts/cost.sh [source]
source "$(dirname "$0")/common.sh"

source_file=${1:-examples/quickstart.cpp}
[ -e "$source_file" ] || source_file=tests/packaging/consumer.cpp
out=build/cost
mkdir -p "$out"
libraries=$(pkg-config --libs tbb libhwy 2>/dev/null || echo "-ltbb -lhwy")
eigen=$(eigen_flags)
failed=0
say "$source_file, one unit, -O2:"
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || continue
  # Processor time of the compiler, so that other work on the machine does not count.
  TIMEFORMAT='%U %S'
  # shellcheck disable=SC2086  # the flags are words
  { time "$compiler" -std=c++20 -O2 $eigen -Iinclude -c "$source_file" -o "$out/unit.o"; } \
    2>"$out/log" || { cat "$out/log" >&2; die "$compiler cannot compile $source_file"; }
  seconds=$(tail -n 1 "$out/log" | awk '{printf "%.1f", $1 + $2}')
  # shellcheck disable=SC2086  # the libraries are words
  "$compiler" "$out/unit.o" $libraries -o "$out/program"
  strip "$out/program"
  bytes=$(stat -c %s "$out/program")
  printf '  %-8s  %5.1f s to compile   %6.0f kB stripped\n' "$compiler" "$seconds" $((bytes / 1000))
  awk -v s="$seconds" -v b="$bytes" 'BEGIN {exit !(s < 8 && b < 2000000)}' || failed=1
done
[ "$failed" = 0 ] || die "over the budget of 8 s and 2 MB"
