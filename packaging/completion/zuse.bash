# SPDX-License-Identifier: MIT
# bash completion for zuse, zused, and for zpool and zfs where those names are zuse's. Commands, options and properties are
# taken from the usage texts that the programs print, names of pools and datasets from a running service: completing
# starts none.
# shellcheck shell=bash

# Is there a service to ask? The places are those of zused(8).
_zuse_service() {
    local socket=${ZUSE_SOCKET:-}
    if [[ -z $socket ]]; then
        if ((EUID == 0)); then
            socket=/run/zuse/zused.sock
        else
            socket=${XDG_RUNTIME_DIR:-/tmp/zuse-$EUID}${XDG_RUNTIME_DIR:+/zuse}/zused.sock
        fi
    fi
    [[ -S $socket ]]
}

# _zuse_usage PROGRAM...: its usage text, asked for once a shell.
declare -gA _zuse_usage_texts
_zuse_usage() {
    local key="$*"
    [[ -n ${_zuse_usage_texts[$key]:-} ]] || _zuse_usage_texts[$key]=$("$@" 2>&1 </dev/null)
    printf '%s\n' "${_zuse_usage_texts[$key]}"
}

_zuse_commands() {
    _zuse_usage "$@" | sed -n 's/^\t\([a-z][a-z-]*\)\( .*\)\{0,1\}$/\1/p' | sort -u
}

# _zuse_options COMMAND PROGRAM...: letters of its groups "[-Hp]", and long options, from its lines of the usage text.
_zuse_options() {
    local command=$1
    shift
    _zuse_usage "$@" | awk -v command="$command" '
        /^\t[a-z]/ { wanted = $1 == command }
        /^[^\t]/ { wanted = 0 }
        wanted {
            line = $0
            while (match(line, /(^|[ [|])--?[A-Za-z-]+/)) {
                word = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                sub(/^[^-]*/, "", word)
                if (word ~ /^--/)
                    print word
                else
                    for (i = 2; i <= length(word); i++)
                        print "-" substr(word, i, 1)
            }
        }' | sort -u
}

# Properties as the table below the usage of `get` lists them.
_zuse_properties() {
    _zuse_usage "$@" get | sed -n 's/^\t\([a-z_]*[@#]\{0,1\}\)[^ ]*  *\(YES\|NO\|-\)  *.*/\1/p' | sort -u
}

# Those that can be set, with the = that follows.
_zuse_settable() {
    _zuse_usage "$@" get | sed -n 's/^\t\([a-z_]*[@#]\{0,1\}\)[^ ]*  *YES  *.*/\1/p' | sort -u | sed 's/[^@]$/&=/'
}

_zuse_pools() {
    _zuse_service && "${_zuse_program[@]}" list -Ho name 2>/dev/null </dev/null
}

# _zuse_datasets WORD TYPES: snapshots and bookmarks only of the dataset that was typed, there may be many.
_zuse_datasets() {
    local word=$1 types=$2
    _zuse_service || return
    case $word in
    *@*) "${_zuse_program[@]}" list -Ho name -d 1 -t snapshot "${word%%@*}" ;;
    *'#'*) "${_zuse_program[@]}" list -Ho name -d 1 -t bookmark "${word%%#*}" ;;
    *) "${_zuse_program[@]}" list -Ho name -t "$types" ;;
    esac 2>/dev/null </dev/null
}

# _zuse_reply WORD: what begins with it. The shell ends words at @, = and :, so what is before those is not repeated.
_zuse_reply() {
    local word=$1 line before
    before=${word%"${word##*[@=:]}"}
    while IFS= read -r line; do
        [[ -n $line && $line == "$word"* ]] && COMPREPLY+=("${line#"$before"}")
    done
}

# The same for the last of a list "a,b,c".
_zuse_reply_list() {
    local word=$1 before line
    before=${word%"${word##*,}"}
    while IFS= read -r line; do
        [[ $line == "${word##*,}"* ]] && COMPREPLY+=("$before$line")
    done
    compopt -o nospace 2>/dev/null
}

_zuse_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# _zuse_count_arguments WORD...: how many of them are no options (values of options are counted: good enough).
_zuse_count_arguments() {
    local n=0 word
    for word in "$@"; do
        [[ $word == -* ]] || ((n++))
    done
    echo "$n"
}

_zuse_zpool() {
    local command=$1 word=$2 previous=$3 place=$4
    case $command:$previous in
    import:-d | import:-s) _zuse_files -f "$word" && return ;;
    import:-c) _zuse_files -f "$word" && return ;;
    *:-R) _zuse_files -d "$word" && return ;;
    list:-o | import:-o | create:-o) _zuse_reply_list "$word" < <(_zuse_properties "${_zuse_program[@]}") && return ;;
    get:-o) _zuse_reply_list "$word" < <(printf '%s\n' all name property value source) && return ;;
    *:-T) _zuse_reply "$word" < <(printf '%s\n' u d) && return ;;
    esac
    case $command in
    labelclear) _zuse_files -f "$word" ;;
    get)
        if ((place == 0)); then
            _zuse_reply_list "$word" < <(echo all; _zuse_properties "${_zuse_program[@]}")
        else
            _zuse_reply "$word" < <(_zuse_pools)
        fi
        ;;
    set)
        if ((place == 0)); then
            _zuse_reply "$word" < <(_zuse_settable "${_zuse_program[@]}")
            compopt -o nospace 2>/dev/null
        else
            _zuse_reply "$word" < <(_zuse_pools)
        fi
        ;;
    create | import) _zuse_files -f "$word" ;;
    *)
        _zuse_reply "$word" < <(_zuse_pools)
        [[ ${#COMPREPLY[@]} -gt 0 ]] || _zuse_files -f "$word"
        ;;
    esac
}

_zuse_zfs() {
    local command=$1 word=$2 previous=$3 place=$4 types=filesystem,volume
    case $command:$previous in
    list:-[oSs]) _zuse_reply_list "$word" < <(echo name; _zuse_properties "${_zuse_program[@]}") && return ;;
    get:-o) _zuse_reply_list "$word" < <(printf '%s\n' all name property value received source) && return ;;
    get:-s) _zuse_reply_list "$word" < <(printf '%s\n' local default inherited temporary received none) && return ;;
    list:-t | get:-t) _zuse_reply_list "$word" < <(printf '%s\n' filesystem snapshot volume bookmark all) && return ;;
    load-key:-L)
        _zuse_reply "$word" < <(printf '%s\n' prompt file:///)
        return
        ;;
    esac
    case $command in
    get | inherit | set)
        if ((place == 0)); then
            case $command in
            get) _zuse_reply_list "$word" < <(echo all; _zuse_properties "${_zuse_program[@]}") ;;
            inherit) _zuse_reply "$word" < <(_zuse_properties "${_zuse_program[@]}") ;;
            set)
                _zuse_reply "$word" < <(_zuse_settable "${_zuse_program[@]}")
                compopt -o nospace 2>/dev/null
                ;;
            esac
            return
        fi
        ;;
    mount | unmount | umount | share | unshare) types=filesystem ;;
    help) _zuse_reply "$word" < <(_zuse_commands "${_zuse_program[@]}") && return ;;
    esac
    _zuse_reply "$word" < <(_zuse_datasets "$word" "$types")
    case $command in # these go on with a snapshot
    rollback | clone | holds | hold | release | send | diff | destroy | redact | bookmark) compopt -o nospace 2>/dev/null ;;
    unmount | umount) [[ $word == /* ]] && _zuse_files -d "$word" ;;
    esac
}

# _zuse_pools_and_datasets PROGRAM WORD...: a zpool or zfs command line; the last word is being completed.
_zuse_pools_and_datasets() {
    local program=$1 command=$2 n=$# word place
    word=${!n}
    if ((n == 2)); then
        _zuse_reply "$word" < <(_zuse_commands "${_zuse_program[@]}")
        return
    fi
    if [[ $word == -* ]]; then
        _zuse_reply "$word" < <(_zuse_options "$command" "${_zuse_program[@]}")
        return
    fi
    place=$(_zuse_count_arguments "${@:3:n-3}")
    "_zuse_$program" "$command" "$word" "${*:n-1:1}" "$place"
}

# zuse's own commands: -d and -k, then COMMAND DATASET PATH.
_zuse_own() {
    local word=${*: -1} previous command='' i place=0
    previous=${*:$#-1:1}
    local -a words=("$@")
    for ((i = 1; i < $# - 1; i++)); do
        case ${words[i]} in
        -d | -k) ((i++)) ;;
        -*) ;;
        *) if [[ -z $command ]]; then command=${words[i]}; else ((place++)); fi ;;
        esac
    done
    if [[ $previous == -d && -z $command ]]; then
        _zuse_files -f "$word"
    elif [[ -z $command ]]; then
        _zuse_reply "$word" < <(printf '%s\n' -d -k -h; printf '%s\n' ls cat cp tar verify call zpool zfs zdb zused version)
    elif [[ $word == -* ]]; then
        _zuse_reply "$word" < <(case $command in ls) printf '%s\n' -l -R ;; cp) echo -R ;; esac)
    elif [[ $command == verify ]]; then
        _zuse_program+=(zpool)
        _zuse_reply "$word" < <(_zuse_pools)
    elif [[ $command == c[ap]* || $command == ls || $command == tar ]] && ((place == 0)) && [[ $command != call ]]; then
        _zuse_program+=(zfs)
        _zuse_reply "$word" < <(_zuse_datasets "$word" filesystem,volume)
        compopt -o nospace 2>/dev/null
    elif [[ $command == cp ]] && ((place == 2)); then
        _zuse_files -f "$word"
    fi
}

_zuse() {
    local line=${COMP_LINE:0:COMP_POINT} program
    local -a words _zuse_program
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    _zuse_program=("${words[0]}")
    program=${words[0]##*/}
    if [[ $program == zuse && ${words[1]:-} =~ ^(zpool|zfs|zused)$ && ${#words[@]} -gt 2 ]]; then
        program=${words[1]}
        _zuse_program+=("$program")
        words=("$program" "${words[@]:2}")
    fi
    case $program in
    zpool | zfs) _zuse_pools_and_datasets "$program" "${words[@]:1}" ;;
    zused)
        case ${words[-2]} in
        --socket | --cachefile) _zuse_files -f "${words[-1]}" ;;
        *) _zuse_reply "${words[-1]}" < <(_zuse_usage "${_zuse_program[@]}" --help | grep -o -- '--[a-z-]*') ;;
        esac
        ;;
    *) _zuse_own "${words[@]}" ;;
    esac
}

complete -F _zuse zuse zused zpool zfs
