#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job in a minute: a real OpenZFS pool (raidz1, three disks, from the test data), one disk damaged, is imported
# with no kernel module, mounted, read and looked at. Everything happens in a temporary directory.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/zuse-demo-XXXXXX") || exit 1
bin=$work/bin
mkdir "$bin"
for name in zuse zpool zfs zused; do
    ln -s "$(realpath "$build/src/zuse")" "$bin/$name"
done
PATH=$bin:$PATH
ZUSE_SOCKET=$work/zused.sock
ZUSE_CACHEFILE=none
export PATH ZUSE_SOCKET ZUSE_CACHEFILE

cleanup() {
    zpool export -f praidz13 >/dev/null 2>&1
    [ -n "${service:-}" ] && kill "$service" 2>/dev/null && wait "$service" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}
fail() {
    echo "demo: $*" >&2
    exit 1
}

say "A pool that OpenZFS made: three disk images, raidz1."
zstd -d --long=27 -q -c tests/golden/raidz1-3.tar.zst | tar -xS -C "$work" || fail "cannot unpack the pool"
pool=$work/raidz1-3
ls -ls "$pool"/d?

say "One disk goes bad: 50 MiB of rubbish over its data."
yes RUBBISH | dd of="$pool/d1" bs=1M seek=4 count=50 iflag=fullblock conv=notrunc status=none

zused --cachefile none >"$work/zused.log" 2>&1 &
service=$!
i=0
while [ ! -S "$ZUSE_SOCKET" ] && [ $i -lt 50 ]; do
    sleep 0.1
    i=$((i + 1))
done

mkdir "$work/mnt"
show zpool import -d "$pool"
show zpool import -d "$pool" -f -o readonly=on -R "$work/mnt" praidz13 || {
    cat "$work/zused.log"
    fail "the import failed"
}
show zfs list -r -t all -o name,used,referenced,mountpoint praidz13

if mountpoint -q "$work/mnt/praidz13" 2>/dev/null || grep -q " $work/mnt/praidz13 " /proc/mounts; then
    show ls -l "$work/mnt/praidz13/raw"
    say "Every file is read; the damaged copies are found by their checksums and made good from parity."
    find "$work/mnt/praidz13" -type f -exec cat {} + | sha256sum || fail "a file could not be read"
    say "The same files in a snapshot:"
    show ls "$work/mnt/praidz13/raw/.zfs/snapshot/s1"
else
    say "FUSE is not available here: the files, without a mount."
    show zuse ls -l praidz13/raw
    zuse cat praidz13/raw /rand | sha256sum || fail "a file could not be read"
    show zuse ls praidz13/raw@s1
fi
show zpool status praidz13
zpool status praidz13 | grep -Eq 'd1 +ONLINE +0 +0 +[1-9]' || fail "no checksum errors were counted on the damaged disk"
show zpool export praidz13 || fail "the export failed"
say "Done. Nothing was written to the pool, and nothing is left behind."
