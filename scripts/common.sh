# What the scripts share. Sourced, not run: sets `root` to the checkout and changes into it.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# What a build of everything needs; the names are those of Debian 12 and Ubuntu 24.04.
build_packages="g++ cmake ninja-build pkg-config libeigen3-dev libtbb-dev libxsimd-dev libhwy-dev
  doctest-dev libbenchmark-dev"

# Where Eigen is, for compilers that are called without CMake; its warnings are not ours.
eigen_flags() {
  local flags
  flags=$(pkg-config --cflags eigen3 2>/dev/null) || flags=-I/usr/include/eigen3
  printf '%s' "${flags//-I/-isystem }"
}

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Names those of the given Debian packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s ' "$package"
  done
}

# Installs what is missing of the given packages, or says what has to be installed.
need_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    command -v cmake >/dev/null && command -v ninja >/dev/null && return 0
    die "This script installs packages with apt only. Please install: a C++20 compiler (GCC 12 or
Clang 14), CMake 3.25, Ninja, Eigen 3.4, oneTBB 2021.8, xsimd 8.1, Highway 1.0.3, doctest 2.4.9."
  fi
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; } ||
      die "Missing packages. Please run as root: apt-get install $missing"
    as_root=(sudo)
  fi
  say "Installing: $missing"
  "${as_root[@]}" apt-get update -qq ||
    say "apt-get update failed; trying with the package lists that are there"
  # shellcheck disable=SC2086  # the list is words
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends $missing >/dev/null || die "Could not install: $missing"
}

# Compilers to run at once: one a core, and no more than one for each 1.5 GB of free memory.
build_jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "$memory" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

# Configures a preset (quietly, unless it fails) and builds it, or only the targets that follow.
# CFM_TEST_FOLDERS="io;circuit" in the environment limits the tests to these folders.
build_preset() {
  local preset=$1 log="build/$1.log"
  shift
  mkdir -p build
  if ! cmake --preset "$preset" "-DCFM_TEST_FOLDERS=${CFM_TEST_FOLDERS:-}" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  cmake --build --preset "$preset" -j "$(build_jobs)" ${1:+--target "$@"}
}

# Configures, builds and tests a preset.
test_preset() {
  local start=$SECONDS
  say "== $1"
  build_preset "$1" || return 1
  say "== $1: built in $((SECONDS - start)) s"
  ctest --preset "$1" -j "$(build_jobs)" || return 1
}
