#!/bin/bash
# SPDX-License-Identifier: MIT
# Completes command lines as bash would and compares. Usage: check.sh ZUSE (the program; its links zpool, zfs and zused are beside it)
set -u
PATH=$(dirname "$(realpath "$1")"):$PATH
ZUSE_SOCKET=/nonexistent/socket # no names of pools: nothing is started
export PATH ZUSE_SOCKET
# shellcheck disable=SC1091
. "$(dirname "$0")/zuse.bash"
n=0
# expect LINE WORD...: each of the words is offered; !WORD: is not.
expect() {
    local line=$1 word ok=1 got
    shift
    COMP_LINE=$line COMP_POINT=${#line}
    _zuse
    got=" ${COMPREPLY[*]} "
    for word in "$@"; do
        if [[ $word == !* ]]; then
            [[ $got == *" ${word#!} "* ]] && ok=0
        else
            [[ $got == *" $word "* ]] || ok=0
        fi
    done
    n=$((n + 1))
    if ((ok)); then
        echo "ok $n - '$line'"
    else
        echo "# got:$got"
        echo "not ok $n - '$line'"
    fi
}
echo 1..14
expect 'zpool ' import list status events '!property'
expect 'zpool im' import '!list'
expect 'zfs un' unmount unload-key unshare
expect 'zuse zfs loa' load-key
expect 'zfs list -' -H -o -r -t --json-int '!-e'
expect 'zpool export -' -a -f '!-H'
expect 'zfs get compres' compression compressratio '!all'
expect 'zfs get used,refer' used,referenced
expect 'zpool get al' all allocated altroot
expect 'zfs list -t snap' snapshot
expect 'zused --ca' --cachefile
expect 'zuse ' ls cat tar verify zpool
expect 'zuse -d /nonexistent ver' verify version
expect 'zfs set comp' compression= '!compressratio='
