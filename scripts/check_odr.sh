#!/usr/bin/env bash
# Two units that include every header link into one program, and so do units built for different
# instruction sets, which exchange tensors and netlists and agree on results. Every header also
# compiles for users of cfm::dispatch, whose units hold no bodies.
source "$(dirname "$0")/common.sh"

out=build/hygiene
mkdir -p "$out"
# cuda/ and dist/ are leaves with compilers and libraries of their own.
find include/cfm -name '*.hpp' ! -path '*/cuda/*' ! -path '*/dist/*' | sort |
  sed 's|^include/\(.*\)|#include <\1>|' >"$out/everything.hpp"
{ echo "#pragma once"; echo "#include <algorithm>"; cat "$out/everything.hpp"; } >"$out/new"
mv "$out/new" "$out/everything.hpp"

compiler=${CXX:-g++}
command -v ccache >/dev/null && compiler="ccache $compiler"
compile() { # compile <object> <source> <flags...>: silent unless it fails
  local object=$1 source=$2 text
  shift 2
  # shellcheck disable=SC2086  # the lists are words
  text=$($compiler -std=c++20 -O1 -Wall -Wextra -Werror $eigen -Iinclude -I"$out" -Itests/hygiene \
    "$@" -c "tests/hygiene/$source.cpp" -o "$out/$object.o" 2>&1) ||
    { printf '%s\n' "$text"; exit 255; } # 255 ends xargs
}
export -f compile
eigen=$(eigen_flags)
export out compiler eigen

jobs="everything_a everything_a
everything_b everything_b
dispatch everything_b -DCFM_DISPATCH
plain exchange_unit -DMAKE=make_plain -DCHECK=check_plain
exchange_main exchange_main"
[ "$(uname -m)" != x86_64 ] || jobs="$jobs
fast exchange_unit -DMAKE=make_fast -DCHECK=check_fast -mavx2 -mfma
v3 exchange_unit -DMAKE=make_fast -DCHECK=check_fast -march=x86-64-v3"
# shellcheck disable=SC2016  # $0 is for the inner shell
printf '%s\n' "$jobs" | xargs -P "$(build_jobs)" -d '\n' -n 1 bash -c 'compile $0' || exit 1

libraries="-ltbb -lhwy -lpthread"
# shellcheck disable=SC2086  # the libraries are words
link() { g++ "$@" $libraries; }
link "$out"/everything_a.o "$out"/everything_b.o -o "$out/everything"
"$out/everything" && say "check_odr: two units with every header: linked and ran"
if [ -e "$out/fast.o" ]; then
  for flags in fast v3; do
    link "$out/exchange_main.o" "$out/plain.o" "$out/$flags.o" -o "$out/exchange_$flags"
    if grep -q avx2 /proc/cpuinfo; then "$out/exchange_$flags"; else say "not run: no AVX2 here"; fi
  done
fi
