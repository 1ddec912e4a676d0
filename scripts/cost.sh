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

# Processor time of the compiler, so that other work on the machine counts little; the best of three.
compile() {
  local TIMEFORMAT='%U %S' best="" seconds
  for _ in 1 2 3; do
    # shellcheck disable=SC2086  # the flags are words
    { time "$compiler" -std=c++20 -O2 $eigen -Iinclude -c "$1" -o "$out/unit.o"; } \
      2>"$out/log" || { cat "$out/log" >&2; die "$compiler cannot compile $1"; }
    seconds=$(tail -n 1 "$out/log" | awk '{printf "%.1f", $1 + $2}')
    best=$(printf '%s\n' $best "$seconds" | sort -g | head -n 1)
  done
  printf '%s' "$best"
}

say "$source_file, one unit, -O2:"
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || continue
  # The headers that cfm has to include, alone: machines differ, the difference to this less.
  printf '#include <%s>\n' filesystem functional map variant charconv algorithm \
    hwy/highway.h tbb/parallel_for.h >"$out/others.cpp"
  others=$(compile "$out/others.cpp")
  seconds=$(compile "$source_file")
  # shellcheck disable=SC2086  # the libraries are words
  "$compiler" "$out/unit.o" $libraries -o "$out/program"
  strip "$out/program"
  bytes=$(stat -c %s "$out/program")
  printf '  %-8s  %5.1f s to compile (%.1f s the headers of others)   %6.0f kB stripped\n' \
    "$compiler" "$seconds" "$others" $((bytes / 1000))
  awk -v s="$seconds" -v b="$bytes" 'BEGIN {exit !(s < 8 && b < 2000000)}' || failed=1
done
[ "$failed" = 0 ] || die "over the budget of 8 s and 2 MB"
