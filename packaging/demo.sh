#!/bin/bash
# SPDX-License-Identifier: MIT
# `make demo`: zuse at work on pools that OpenZFS made (tests/golden/), unpacked into a temporary folder. Runs as
# any user, changes nothing outside that folder, and leaves nothing behind.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$(cd "${BUILD:-$root/build}" && pwd)/src
export PATH=$bin:$PATH
for tool in zstd tar; do
    command -v "$tool" >/dev/null || { echo "demo: $tool is missing (packaging/install-deps.sh)" >&2; exit 1; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/zuse-demo-XXXXXX") || exit 1
export ZUSE_SOCKET=$work/socket
service=

cleanup() {
    cd /
    if [ -n "$service" ]; then
        zpool export -a >/dev/null 2>&1
        kill "$service" 2>/dev/null
        wait "$service" 2>/dev/null
    fi
    # Never delete through a mount that is still there.
    grep -q " $work/" /proc/self/mounts || rm -rf "$work"
}
trap cleanup EXIT

bold='' green='' off=''
[ -t 1 ] && bold=$'\033[1m' green=$'\033[32m' off=$'\033[0m'
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$off"; }
try() {
    printf '%s$ %s%s\n' "$green" "$*" "$off"
    "$@"
}
show() { try "$@" || { echo "demo: failed: $*" >&2; exit 1; }; }
unpack() { zstd -q -d --long=27 -c "$root/tests/golden/$1.tar.zst" | tar -xS; }

# Are the files of a manifest, of what is mounted, as they were under OpenZFS?
compare() { # manifest, pool, mountpoint
    local fs='' good=0 bad=0 path type sum
    while IFS=$'\t' read -r path type _ _ _ _ _ _ sum _; do
        case $path in
        '## filesystem '*)
            fs=${path#'## filesystem '}
            fs=${fs#"$2"}
            grep -q " $3$fs " /proc/self/mounts || fs=-
            ;;
        '#'*) fs=- ;;
        esac
        [ "$fs" != - ] && [ "$type" = f ] && [[ $path != *\\* ]] || continue
        if [ "$(sha256sum <"$3$fs/$path" 2>/dev/null | cut -c 1-64)" = "$sum" ]; then
            good=$((good + 1))
        else
            bad=$((bad + 1))
        fi
    done <"$1"
    echo "$good files are what they were under OpenZFS, $bad differ"
    [ "$good" -gt 0 ] && [ "$bad" = 0 ]
}

cd "$work" || exit 1
zused --cachefile none >"$work/log" 2>&1 &
service=$!
for _ in $(seq 100); do [ -S "$ZUSE_SOCKET" ] || sleep 0.05; done

say 'A RAID-Z pool that OpenZFS made on three disks; here they are files'
unpack raidz1-3
show zpool import -d raidz1-3
mkdir mnt
show zpool import -N -o readonly=on -R "$work/mnt" -d raidz1-3 praidz13
show zfs list
# Not the root of the pool: an ordinary user may not mount below what belongs to somebody else.
if [ -w /dev/fuse ] && try zfs mount praidz13/raw && try zfs mount praidz13/lz4; then
    show ls -l "$work/mnt/praidz13/raw"
    show compare raidz1-3/MANIFEST.files.tsv praidz13 "$work/mnt/praidz13"
else
    echo '(mounting is not possible here; zuse ls, cat, cp and tar get at the data without)'
fi
show zpool export praidz13

say 'One disk is lost: the pool still opens, every byte is reconstructed'
rm raidz1-3/d2
show zuse -d raidz1-3 ls praidz13/raw
show zuse -d raidz1-3 verify praidz13

say 'An encrypted file system, opened with its passphrase; no service, no mount, no root'
unpack encrypted
show zuse -d encrypted -k pencrypted/gcm-pass=encrypted/keys/pass ls pencrypted/gcm-pass
zuse -d encrypted -k pencrypted/gcm-pass=encrypted/keys/pass cat pencrypted/gcm-pass /text >text || exit 1
show sha256sum text
show grep -m 1 -F "$(sha256sum <text | cut -c 1-64)" encrypted/MANIFEST.files.tsv

say 'A mirror, one half of it overwritten with junk'
unpack mirror2
dd if=/dev/urandom of=mirror2/d1 bs=1M seek=5 count=40 conv=notrunc status=none
show zpool import -o readonly=on -N -d mirror2 pmirror2
try zuse verify pmirror2
show zpool status -v pmirror2

say 'Done. All of it was in a temporary folder, which is gone now.'
