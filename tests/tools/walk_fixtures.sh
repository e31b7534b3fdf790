#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs zio_walk on fixture pools: every block of every copy has to verify. Usage: walk_fixtures.sh ZIO_WALK NAME...
# Fixtures come from $ZUSE_FIXTURES; without them, zstd or GNU tar the test is skipped.
walk=$1
shift
fixtures=${ZUSE_FIXTURES:-../shared/fixtures}
for need in zstd tar; do
    command -v $need >/dev/null || { echo "skipped: $need is not installed"; exit 77; }
done
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT INT TERM
ran=0 failed=0
for name; do
    archive=$fixtures/$name.tar.zst
    [ -r "$archive" ] || continue
    zstd -q -d --long=27 -c "$archive" | tar -xS -C "$dir" || exit 1
    ran=$((ran + 1))
    if line=$("$walk" "$dir/$name"/d?); then
        echo "ok $name: $line"
    else
        echo "FAILED $name: $line"
        failed=$((failed + 1))
    fi
    rm -rf "${dir:?}/$name"
done
[ $ran -gt 0 ] || { echo "skipped: fixtures are not here (set ZUSE_FIXTURES)"; exit 77; }
[ $failed -eq 0 ]
