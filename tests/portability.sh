#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds for other machines and C libraries and, where an emulator is installed, runs the unit tests there:
# s390x (big-endian), aarch64, and musl, static. Prints TAP; what lacks its tools is skipped with the reason.
# Usage: portability.sh BUILD-DIRECTORY [MESON-ARGUMENT]...
# On Debian the libraries of a foreign architecture are unpacked into BUILD-DIRECTORY/ARCH-root if they are not
# there and ZUSE_FOREIGN names it ("s390x arm64"; tests/foreign_root.sh fetches some 15 MB). Without them only
# the lowest floor, which needs none, is built.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?build directory}
shift
mkdir -p "$build"
build=$(cd "$build" && pwd)
n=0

ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; tail -40 "$2" | sed 's/^/# /'; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# The libraries of a Debian architecture; prints their directory, or fails.
foreign_root() {
    local dir=$build/$1-root
    if [ ! -e "$dir/.complete" ]; then
        [[ " ${ZUSE_FOREIGN:-} " == *" $1 "* ]] && command -v apt-get >/dev/null || return 1
        "$root/tests/foreign_root.sh" "$1" "$dir" >"$dir.log" 2>&1 || return 1
    fi
    echo "$dir"
}

# What the cross files cannot know: where the libraries are, and whether there is an emulator.
# Arguments: directory of the libraries or "", triplet, emulator.
local_file() {
    local where=${1:-/usr/$2}
    echo '[properties]'
    echo 'needs_exe_wrapper = true'
    if [ -z "$1" ]; then
        echo "pkg_config_libdir = '/nonexistent'" # not this machine's libraries
    else
        echo "sys_root = '$1'"
        echo "pkg_config_libdir = '$1/usr/lib/$2/pkgconfig:$1/usr/share/pkgconfig'"
        echo '[built-in options]'
        echo "c_args = ['--sysroot=$1']"
        echo "c_link_args = ['--sysroot=$1', '-Wl,-rpath-link,$1/usr/lib/$2', '-Wl,-rpath-link,$1/lib/$2']"
    fi
    if command -v "$3" >/dev/null; then
        echo '[binaries]'
        echo "exe_wrapper = ['$3', '-L', '$where']"
    fi
}

cross() { # name, Debian's name of the architecture, emulator, meson arguments
    local name=$1 triplet=$1-linux-gnu libs dir=$build/$1 log=$build/$1.log what=build emulator=$3
    local args=(--cross-file "$root/packaging/cross/$1.ini")
    if ! command -v "$triplet-gcc" >/dev/null; then
        skip "$name: build" "$triplet-gcc is not installed"
        return
    fi
    if ! libs=$(foreign_root "$2"); then
        libs=
        args+=(-Dupto=base)
        what="build of src/base (ZUSE_FOREIGN=$2 fetches libraries for the rest)"
    fi
    local_file "$libs" "$triplet" "$emulator" >"$build/$name-local.ini"
    args+=(--cross-file "$build/$name-local.ini")
    shift 3
    if ! [ -e "$dir/build.ninja" ]; then
        rm -rf "$dir"
        meson setup "$dir" "$root" "${args[@]}" "$@" >"$log" 2>&1
    fi
    if ! ninja -C "$dir" -k 0 >"$log.build" 2>&1; then
        grep -A8 'FAILED\|error:\|ERROR' "$log" "$log.build" >"$log.errors"
        not_ok "$name: $what" "$log.errors"
        return
    fi
    ok "$name: $what"
    run_units "$name" "$dir" "$emulator" "$log"
}

run_units() { # name, directory, emulator, log
    local tests
    if ! command -v "$3" >/dev/null; then
        skip "$1: unit tests" "$3 is not installed"
        return
    fi
    tests=$(meson introspect --tests "$2" | grep -o '"name": "unit/[^"]*"' | cut -d '"' -f 4)
    if [ -z "$tests" ]; then
        skip "$1: unit tests" "cmocka for this architecture is not there"
        return
    fi
    # shellcheck disable=SC2086 # a list of names without blanks
    if meson test -C "$2" --no-rebuild -t 10 --print-errorlogs $tests >"$4" 2>&1; then
        ok "$1: $(echo "$tests" | wc -l) programs of unit tests"
    else
        grep -E 'FAIL|TIMEOUT|ERROR|error' "$4" >"$4.errors"
        not_ok "$1: unit tests" "$4.errors"
    fi
}

musl() {
    local dir=$build/musl log=$build/musl.log
    if ! command -v musl-gcc >/dev/null; then
        skip 'musl: static build' 'musl-gcc is not installed'
        return
    fi
    rm -rf "$dir"
    # Debian's musl-gcc comes without the kernel's headers; lend it ours.
    mkdir -p "$build/musl-include"
    for h in linux asm-generic; do
        ln -sfn "/usr/include/$h" "$build/musl-include/$h"
    done
    ln -sfn "/usr/include/$(gcc -print-multiarch)/asm" "$build/musl-include/asm"
    if CC=musl-gcc PKG_CONFIG_LIBDIR=/nonexistent meson setup "$dir" "$root" -Dupto=base \
        "-Dc_args=-isystem $build/musl-include" -Dc_link_args=-static >"$log" 2>&1 &&
        ninja -C "$dir" >>"$log" 2>&1; then
        ok 'musl: static build of src/base (no other libraries are packaged for it)'
    else
        not_ok 'musl: static build' "$log"
    fi
}

cross s390x s390x qemu-s390x-static "$@"
cross aarch64 arm64 qemu-aarch64-static "$@"
musl
echo "1..$n"
