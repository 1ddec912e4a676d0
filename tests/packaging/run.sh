#!/usr/bin/env bash
# Builds and runs programs that use cfm as a stranger would: by find_package from a prefix that was
# moved, as a subproject, by pkg-config and by Conan; with GCC and Clang, with and without xtl.
#   tests/packaging/run.sh [part...]     parts: find_package dispatch fetch_content pkg_config conan vcpkg
source "$(dirname "$0")/../../scripts/common.sh"

out=$root/build/packaging
rm -rf "$out/work"
mkdir -p "$out/work"
passed=0 failed=0 skipped=0

# check <name> <command...> runs the command quietly and shows its output if it fails.
check() {
  local name=$1
  shift
  if "$@" >"$out/log" 2>&1; then
    passed=$((passed + 1))
    say "  passed   $name"
  else
    failed=$((failed + 1))
    say "  FAILED   $name"
    sed 's/^/           /' "$out/log" | tail -n 40
  fi
}
skip() {
  skipped=$((skipped + 1))
  say "  skipped  $1: $2"
}

# Installs into one prefix and moves it to another.
install_moved() {
  [ ! -e "$out/work/moved" ] || return 0
  cmake -S . -B "$out/work/install" -G Ninja -DCFM_BUILD_TESTS=OFF -DCFM_BUILD_EXAMPLES=OFF \
    -DCMAKE_INSTALL_PREFIX="$out/work/prefix" && cmake --build "$out/work/install" --target install &&
    mv "$out/work/prefix" "$out/work/moved" &&
    ! grep -rlE "$root|$out" "$out/work/moved/share"
}

# The package xtl-dev, unpacked beside the build: found where the test is "with xtl".
xtl_prefix=$out/xtl/usr
get_xtl() {
  [ ! -e "$xtl_prefix" ] || return 0
  mkdir -p "$out/xtl" && (cd "$out/xtl" && apt-get download -qq xtl-dev && dpkg-deb -x xtl-dev_*.deb .)
}

# configure_build_run <source> <cmake arguments...>
configure_build_run() {
  local source=$1
  shift
  rm -rf "$out/work/build"
  cmake -S "$source" -B "$out/work/build" -G Ninja "$@" && cmake --build "$out/work/build" &&
    "$out/work/build/consumer"
}

# for_all <name> <source> <cmake arguments...>: both compilers, without and with xtl
for_all() {
  local name=$1 compiler
  shift
  for compiler in g++ clang++; do
    if ! command -v "$compiler" >/dev/null; then
      skip "$name, $compiler" "not installed"
      continue
    fi
    check "$name, $compiler, without xtl" configure_build_run "$@" \
      -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_DISABLE_FIND_PACKAGE_xtl=ON
    if get_xtl >/dev/null 2>&1; then
      check "$name, $compiler, with xtl" configure_build_run "$@" \
        -DCMAKE_CXX_COMPILER="$compiler" -Dxtl_ROOT="$xtl_prefix" -DEXPECT_XTL=ON
    else
      skip "$name, $compiler, with xtl" "xtl-dev could not be downloaded"
    fi
  done
}

part_find_package() {
  check "install and move the prefix" install_moved
  for_all "find_package" tests/packaging/consumer -Dcfm_ROOT="$out/work/moved"
}

# Builds the program on cfm::dispatch once and runs it for every target.
dispatch_run() {
  configure_build_run tests/packaging/dispatch -Dcfm_ROOT="$out/work/moved" || return 1
  local program=$out/work/build/consumer code=0
  [ "$(uname -m)" = x86_64 ] || return 0
  CFM_ISA=sse4 "$program" SSE4 || return 1
  ! grep -q avx2 /proc/cpuinfo || CFM_ISA=avx2 "$program" AVX2 || return 1
  CFM_ISA=scalar "$program" || return 1
  CFM_ISA=neither "$program" || code=$?
  [ "$code" = 3 ]
}
part_dispatch() {
  [ -e "$out/work/moved" ] || check "install and move the prefix" install_moved
  check "cfm::dispatch beside header-only units" dispatch_run
}

part_fetch_content() {
  for_all "FetchContent" tests/packaging/fetch_content -DCFM_SOURCE="$root"
}

pkg_config_run() {
  export PKG_CONFIG_PATH=$out/work/moved/share/pkgconfig
  # shellcheck disable=SC2046  # the flags are words
  "$1" tests/packaging/consumer.cpp $(pkg-config --cflags --libs cfm) -o "$out/work/consumer" &&
    "$out/work/consumer" && [ "$(pkg-config --modversion cfm)" = "$(version)" ]
}
version() { sed -n 's/.*VERSION_STRING "\(.*\)"/\1/p' include/cfm/core/version.hpp; }

part_pkg_config() {
  [ -e "$out/work/moved" ] || check "install and move the prefix" install_moved
  local compiler
  for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || { skip "pkg-config, $compiler" "not installed"; continue; }
    check "pkg-config, $compiler" pkg_config_run "$compiler"
  done
}

conan_create() {
  export CONAN_HOME=$out/conan_home
  "$conan" create conan/ --profile:all conan/profiles/debian12 --no-remote \
    -c tools.cmake.cmake_layout:test_folder="$out/work/conan_test" "$@"
}
part_conan() {
  conan=$(command -v conan || true)
  if [ -z "$conan" ]; then
    conan=$out/conan/bin/conan
    [ -x "$conan" ] || { python3 -m venv "$out/conan" && "$out/conan/bin/pip" install -q conan; } \
      >"$out/log" 2>&1 || { skip "Conan" "no conan here, and none could be installed"; return; }
  fi
  check "Conan, GCC" conan_create
  if command -v clang++ >/dev/null; then
    check "Conan, Clang" conan_create -s compiler=clang -s compiler.cppstd=20 \
      -s compiler.version="$(clang++ -dumpversion | cut -d. -f1)" -s compiler.libcxx=libstdc++11 \
      -c 'tools.build:compiler_executables={"cpp":"clang++"}'
  fi
}

part_vcpkg() {
  check "vcpkg port, dry run" cmake -DSOURCE="$root" -DOUT="$out/work/vcpkg" \
    -P tests/packaging/vcpkg_dry_run.cmake
}

[ $# -gt 0 ] || set -- find_package dispatch fetch_content pkg_config conan vcpkg
say "== packaging"
for part in "$@"; do "part_$part"; done
say "packaging: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
