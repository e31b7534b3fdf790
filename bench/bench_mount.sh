#!/bin/sh
# SPDX-License-Identifier: MIT
# Mounted reads: a file of a real pool (basic-single of the fixtures) through zuse, against the same file on ext4 (a
# loop device) and against a FUSE file system that does nothing. Prints MB/s, microseconds and ratios. Needs root.
#
# usage: bench/bench_mount.sh   (BUILD=build, ZUSE_FIXTURES=../shared/fixtures)
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
fixtures=${ZUSE_FIXTURES:-../shared/fixtures}
[ "$(id -u)" = 0 ] || { echo "bench_mount: needs root (mounts, page cache)"; exit 0; }
[ -r "$fixtures/basic-single.tar.zst" ] || { echo "bench_mount: no fixture basic-single"; exit 0; }
work=$(mktemp -d)
export ZUSE_SOCKET="$work/s" ZUSE_CACHEFILE=none
zuse=$(realpath "$build/src/zuse")
cleanup() {
    "$zuse" zpool export -f basic >/dev/null 2>&1 || true
    umount "$work/null" 2>/dev/null || true
    umount "$work/ext4" 2>/dev/null || true
    [ -n "${service:-}" ] && kill "$service" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT INT TERM

ninja -C "$build" bench/nullfs >/dev/null
mkdir "$work/null" "$work/ext4" "$work/mnt"
zstd -d --long=27 -q -c "$fixtures/basic-single.tar.zst" | tar -xS -C "$work"
"$zuse" zused --cachefile none &
service=$!
while [ ! -S "$ZUSE_SOCKET" ]; do sleep 0.1; done
"$zuse" zpool import -d "$work/basic-single" -f -o readonly=on -R "$work/mnt" basic
file=$(find "$work/mnt/basic" -xdev -type f -size +30M 2>/dev/null | head -1)
[ -n "$file" ] || file=$(find "$work/mnt/basic" -type f -size +30M ! -path '*/.zfs/*' | head -1)
size=$(stat -c %s "$file")
truncate -s $((size + (64 << 20))) "$work/ext4.img"
mkfs.ext4 -q "$work/ext4.img"
mount -o loop "$work/ext4.img" "$work/ext4"
cp "$file" "$work/ext4/file"
sync
"$build/bench/nullfs" "$work/null" "$size" &
sleep 0.5

# Best of five, MB/s.
rate() {
    best=0
    for _ in 1 2 3 4 5; do
        [ "$2" = cached ] || echo 3 >/proc/sys/vm/drop_caches
        start=$(date +%s%N)
        dd if="$1" of=/dev/null bs=1M status=none
        end=$(date +%s%N)
        now=$((size * 1000 / (end - start)))
        [ "$now" -gt "$best" ] && best=$now
    done
    echo "$best"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

echo "file of $size bytes: $(basename "$(dirname "$file")")/$(basename "$file")"
dd if="$file" of=/dev/null bs=1M status=none
null=$(rate "$work/null/file" cold)
ours=$(rate "$file" cold)
ext4=$(rate "$work/ext4/file" cold)
echo "sequential read, kernel cache empty:  zuse $ours MB/s (ARC warm), null FUSE $null MB/s, ext4 $ext4 MB/s; zuse/null $(ratio "$ours" "$null")"
ours=$(rate "$file" cached)
ext4=$(rate "$work/ext4/file" cached)
echo "sequential read, kernel cache full:   zuse $ours MB/s, ext4 $ext4 MB/s; zuse/ext4 $(ratio "$ours" "$ext4")"

python3 - "$file" "$work/ext4/file" <<'P'
import os, random, sys, time
def rand(path, n=20000):
    fd = os.open(path, os.O_RDONLY)
    blocks = os.fstat(fd).st_size // 4096
    random.seed(1)
    offsets = [random.randrange(blocks) * 4096 for _ in range(n)]
    t = time.perf_counter()
    for o in offsets:
        os.pread(fd, 4096, o)
    return (time.perf_counter() - t) / n * 1e6
def stat(path, n=50000):
    os.stat(path)
    t = time.perf_counter()
    for _ in range(n):
        os.stat(path)
    return (time.perf_counter() - t) / n * 1e6
for name, f in (("cached random 4 KiB read", rand), ("cached stat", stat)):
    a, b = (f(p) for p in sys.argv[1:3])
    print(f"{name + ':':38}zuse {a:.2f} us, ext4 {b:.2f} us; ratio {a / b:.2f}")
P
