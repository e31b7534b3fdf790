#!/bin/sh
# SPDX-License-Identifier: MIT
# The example finds a pool in a folder of test data, and says why where there is no folder. Usage: EXAMPLE
example=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/zuse-example-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
echo 1..2
if ! command -v zstd >/dev/null; then
    echo 'ok 1 - lists a pool # SKIP no zstd'
else
    zstd -d --long=27 -q -c tests/golden/mirror2.tar.zst | tar -xS -C "$work" || exit 1
    out=$("$example" "$work/mirror2")
    if echo "$out" | grep -Eq '^pmirror2	[0-9]+$'; then
        echo 'ok 1 - lists a pool'
    else
        echo "# got: $out"
        echo 'not ok 1 - lists a pool'
    fi
fi
if ZUSE_SOCKET=$work/none/s ZUSE_ZUSED=/bin/false "$example" >/dev/null 2>"$work/err"; then
    echo 'not ok 2 - says that there is no service'
else
    sed 's/^/# /' "$work/err"
    grep -q NOSERVICE "$work/err" && echo 'ok 2 - says that there is no service' ||
        echo 'not ok 2 - says that there is no service'
fi
