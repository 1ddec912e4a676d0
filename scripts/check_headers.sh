#!/usr/bin/env bash
# Every header compiles on its own, included twice, without warnings: with Clang at x86-64-v3, and
# with GCC at its default flags too if CFM_FULL=1; and one with kernels at the flags of newer
# processors.
#   scripts/check_headers.sh [header...]      all headers by default
source "$(dirname "$0")/common.sh"

# check_one <compiler> <flags> <header>
check_one() {
  local text
  # shellcheck disable=SC2086  # the flags are words
  text=$(printf '#include <%s>\n#include <%s>\n' "${3#include/}" "${3#include/}" |
    "$1" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion \
      -Wshadow -Werror $2 $eigen -Iinclude -x c++ - 2>&1) && return
  printf '%s\nnot clean on its own, %s: %s\n' "$text" "$1" "$3"
  return 1
}
export -f check_one
eigen=$(eigen_flags)
export eigen

[ $# -gt 0 ] || set -- $(find include/cfm -name '*.hpp' | sort)
v3=""
[ "$(uname -m)" != x86_64 ] || v3="-march=x86-64-v3"
status=0
if [ -n "$v3" ]; then
  for arch in x86-64-v4 sapphirerapids; do
    check_one g++ "-march=$arch -Wno-uninitialized" include/cfm/kernels/matmul.hpp || status=1
  done
fi
for header in "$@"; do
  [ "${CFM_FULL:-0}" = 0 ] || printf 'g++\n\n%s\n' "$header"
  printf 'clang++\n%s\n%s\n' "$v3" "$header"
done |
  tr '\n' '\0' | xargs -0 -n 3 -P "$(build_jobs)" bash -c 'check_one "$@"' _ || status=1
say "check_headers: $# headers: $([ $status = 0 ] && echo clean || echo not clean)"
exit $status
