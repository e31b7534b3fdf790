#!/bin/sh
# SPDX-License-Identifier: MIT
# Build and run the benchmarks in the build folder $BUILD (default: build).
#
# Usage: bench/run.sh [-q] [NAME...]     NAME: a program of bench/meson.build; default: all of them
#   -q  quick: shorter figures, and no raidz_test (which takes some minutes)
#
# bench_codec shows OpenZFS's own `raidz_test -B` beside ours where that program is installed.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
quick=
[ "${1:-}" = -q ] && { quick=1; shift; }
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sed -n "s/^executable('\([a-z_]*\)'.*/\1/p" bench/meson.build)

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT INT TERM

codec_args() {
    if [ -n "$quick" ]; then
        echo "-t 0.05"
    elif command -v raidz_test >/dev/null; then
        echo "running raidz_test -B ..." >&2
        # It goes by the wall clock: note the share of a processor it had, for comparison.
        start=$(date +%s)
        raidz_test -B >"$temp/raidz_test" 2>/dev/null || true
        wall=$(($(date +%s) - start))
        times >"$temp/times" # not in a pipe: that would be another process's children
        sed -n '2s/m/ /g; 2s/s//gp' "$temp/times" | awk -v wall="$wall" \
            '{ cpu = $1 * 60 + $2; print "# cpu", (wall > 0 && cpu < wall ? cpu / wall : 1) }' \
            >"$temp/share"
        cat "$temp/raidz_test" >>"$temp/share"
        mv "$temp/share" "$temp/raidz_test"
        echo "-r $temp/raidz_test"
    fi
}

for name; do
    ninja -C "$build" "bench/$name" >"$temp/log" 2>&1 || { cat "$temp/log" >&2; exit 1; }
    echo "== $name"
    case $name in
    bench_codec) args=$(codec_args) ;;
    device_bench)
        head -c 268435456 /dev/zero >"$temp/device"
        args=$temp/device
        ;;
    *) args= ;;
    esac
    # shellcheck disable=SC2086
    "$build/bench/$name" $args || echo "$name: ended with $?"
    echo
done

[ -n "$quick" ] || { echo "== bench_mount"; BUILD="$build" bench/bench_mount.sh || echo "bench_mount: ended with $?"; }
