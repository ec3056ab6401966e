#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build-for-arm64.sh [FOLDER]: configures FOLDER (build-arm64) to build for 64-bit ARM and to run what it builds under qemu.
# The libraries are Debian's, unpacked beside it into FOLDER-root; nothing is installed, no root is needed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

packages=(libc6-dev libgomp1 libglib2.0-dev libjson-glib-dev libsqlite3-dev libcairo2-dev libpango1.0-dev libopenblas-openmp-dev)

folder=${1:-build-arm64}
mkdir -p "$folder-root"
root=$(readlink -f "$folder-root")

for program in aarch64-linux-gnu-gcc qemu-aarch64; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install gcc-aarch64-linux-gnu qemu-user" >&2; exit 1; }
done

# A package system of its own, in which nothing is installed yet, so that all dependencies are fetched.
unpack_libraries() {
  local state link
  state=$(mktemp -d)
  mkdir -p "$state"/{lists,archives}/partial
  : >"$state/status"
  apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false -o Debug::NoLocking=true \
      -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" "$@" </dev/null
  }
  apt update
  apt install -y --download-only "${packages[@]}"
  for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  find "$root" -lname '/*' | while read -r link; do ln -sfnr "$root$(readlink "$link")" "$link"; done
  rm -rf "$state"
}

[ -e "$root/usr/lib/aarch64-linux-gnu/openblas-openmp/libopenblas.so" ] || unpack_libraries

cat >"$root/cross.ini" <<END
[constants]
root = '$root'
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-gcc-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', root]
[properties]
sys_root = root
pkg_config_libdir = [root + '/usr/lib/aarch64-linux-gnu/pkgconfig', root + '/usr/share/pkgconfig']
[built-in options]
c_args = ['--sysroot=' + root]
c_link_args = ['--sysroot=' + root]
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
[ -f "$folder/build.ninja" ] || meson setup "$folder" --cross-file "$root/cross.ini" -Dgui=disabled
