#!/usr/bin/env bash
# Unpacks the arm64 packages that the aarch64 preset needs into build/sysroot-aarch64. They come
# through apt with a package list of its own; nothing on this machine is installed or changed.
source "$(dirname "$0")/common.sh"

sysroot=$root/build/sysroot-aarch64
[ -e "$sysroot/.complete" ] && exit 0
command -v apt-get >/dev/null || die "aarch64_sysroot: needs apt (Debian or Ubuntu)"

apt=$root/build/apt-arm64
rm -rf "$sysroot"
mkdir -p "$sysroot" "$apt/lists/partial" "$apt/archives/partial"
options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$apt"
  -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt"
  -o APT::Sandbox::User=root)
: >"$apt/status"
apt-get "${options[@]}" update -qq
apt-get "${options[@]}" install --download-only -y -qq --no-install-recommends \
  libeigen3-dev libtbb-dev libxsimd-dev libhwy-dev doctest-dev >/dev/null
for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
touch "$sysroot/.complete"
