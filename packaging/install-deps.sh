#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what packaging/deps.tsv lists, with the system's package manager, and says what it does.
# Uses sudo only when not root. Changes no package sources. Usage: install-deps.sh [--build] [--dry-run]
#   --build    only what building needs, not what `make check` uses
#   --dry-run  only say it
set -eu

here=$(cd "$(dirname "$0")" && pwd)
kinds='need want test'
dry=
for arg in "$@"; do
    case $arg in
    --build) kinds='need want' ;;
    --dry-run) dry=1 ;;
    *)
        echo "usage: $0 [--build] [--dry-run]" >&2
        exit 2
        ;;
    esac
done

# Which column: the first package manager found.
if command -v apt-get >/dev/null; then
    column=3
elif command -v dnf >/dev/null; then
    column=4
elif command -v pacman >/dev/null; then
    column=5
elif command -v apk >/dev/null; then
    column=6
else
    echo "install-deps: no apt-get, dnf, pacman or apk here; install by hand what packaging/deps.tsv lists" >&2
    exit 1
fi

packages() { # of one kind, one a line
    awk -F '\t' -v kind="$1" -v column=$column \
        '!/^#/ && $2 == kind && $column != "-" { n = split($column, p, " "); for (i = 1; i <= n; i++) print p[i] }' \
        "$here/deps.tsv"
}

installed() {
    case $column in
    3) dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed' ;;
    4) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
    5) pacman -Q "$1" >/dev/null 2>&1 ;;
    6) apk info -e "$1" >/dev/null 2>&1 ;;
    esac
}

available() {
    case $column in
    3) apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]' ;;
    4) dnf -q list --available "$1" >/dev/null 2>&1 ;;
    5) pacman -Si "$1" >/dev/null 2>&1 ;;
    6) apk search -e "$1" | grep -q . ;;
    esac
}

run() {
    echo "+ $*"
    [ -n "$dry" ] || "$@"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        run "$@"
    elif command -v sudo >/dev/null; then
        run sudo "$@"
    else
        echo "install-deps: neither root nor sudo: cannot run: $*" >&2
        exit 1
    fi
}

missing=
for kind in $kinds; do
    for p in $(packages "$kind"); do
        installed "$p" || missing="$missing $kind:$p"
    done
done
if [ -z "$missing" ]; then
    echo "install-deps: everything is installed already"
    exit 0
fi

case $column in # lists of packages may be missing in a fresh container
3) as_root apt-get update -q ;;
6) as_root apk update -q ;;
esac

want=
for entry in $missing; do
    p=${entry#*:}
    if available "$p"; then
        want="$want $p"
    elif [ "${entry%%:*}" = need ]; then
        echo "install-deps: $p is needed and the package sources do not have it" >&2
        exit 1
    else
        echo "install-deps: $p is not in the package sources; going on without"
    fi
done
[ -n "$want" ] || exit 0
# shellcheck disable=SC2086 # a list of words
case $column in
3) as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $want ;;
4) as_root dnf install -y $want ;;
5) as_root pacman -S --needed --noconfirm $want ;;
6) as_root apk add $want ;;
esac
