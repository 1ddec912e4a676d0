#!/usr/bin/env bash
# Builds the distribution's oneTBB for the thread sanitizer into build/tbb-tsan, for the preset tsan.
# The sanitizer has to see the synchronisation inside TBB, else it takes every parallel loop for a
# race. The source comes through apt with a package list of its own; nothing on this machine changes.
source "$(dirname "$0")/common.sh"

prefix=$root/build/tbb-tsan
[ -e "$prefix/.complete" ] && exit 0
command -v apt-get >/dev/null || die "tsan_tbb: needs apt (Debian or Ubuntu)"

apt=$root/build/apt-src
rm -rf "$prefix" "$apt"
mkdir -p "$prefix" "$apt/lists/partial" "$apt/archives/partial" "$apt/sources.list.d"
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ ! -e "$list" ] ||
    sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$list" >"$apt/sources.list.d/${list##*/}"
done
: >"$apt/status"
options=(-o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status"
  -o Dir::Cache="$apt" -o Dir::Etc::sourcelist=/dev/null
  -o Dir::Etc::sourceparts="$apt/sources.list.d" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -qq
(cd "$apt" && apt-get "${options[@]}" source -qq --download-only onetbb && mkdir source &&
  tar -xf onetbb_*.orig.tar.* -C source --strip-components=1)
cmake -S "$apt/source" -B "$apt/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_INSTALL_PREFIX="$prefix" -DTBB_SANITIZE=thread \
  -DTBB_TEST=OFF -DTBBMALLOC_BUILD=ON -DTBB_STRICT=OFF -DCMAKE_INSTALL_LIBDIR=lib >/dev/null
cmake --build "$apt/build" -j "$(build_jobs)" --target install >/dev/null
touch "$prefix/.complete"
