#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks the images of golden pools and runs a program on each: hostile.sh PROGRAM POOL... [-- OPTION...]
set -eu
here=$(dirname "$0")
program=$1
shift
pools=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    pools="$pools $1"
    shift
done
[ $# -eq 0 ] || shift
command -v zstd >/dev/null || exit 77
dir=$(mktemp -d "${TMPDIR:-/tmp}/zuse-hostile-XXXXXX")
trap 'rm -rf "$dir"' EXIT
for p in $pools; do
    zstd -q -d --long=27 -c "$here/$p.tar.zst" | tar -xS -C "$dir"
    "$program" "$@" "$dir/$p"
done
