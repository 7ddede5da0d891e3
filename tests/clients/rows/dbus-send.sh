#!/usr/bin/env bash
# dbus-send, with dbus-monitor of the same package. It cannot send dictionaries that
# hold variants: a nested one goes through Execute.
set -euo pipefail

main() {
    local xml
    xml=$(qmp freedesktop.DBus.Introspectable.Introspect |
        sed -n '/interface name="org.qemu.QmpQapi"/,/<\/interface>/p')
    echo introspect "$(grep -c '<method ' <<<"$xml") $(grep -c '<signal ' <<<"$xml")"

    echo no-argument "$(qmp qemu.QmpQapi.QueryStatus | value_of status)"
    qga qemu.QgaQapi.GuestFileOpen string:"$FILE" dict:string:string:mode,w |
        sed 's/^ *int64 /optional /'
    qmp qemu.QmpEndpoint.Execute string:'{"execute": "blockdev-add", "arguments": {
        "driver": "raw", "node-name": "'"$NODE"'",
        "file": {"driver": "null-co", "size": 65536}}}' | grep -q '"return"'
    echo nested added
    qmp qemu.QmpQapi.DeviceDel string:missing 2>&1 |
        sed -n 's/^Error \([^:]*\): /error \1 /p' || true
    listen
}

listen() {
    local state line seen=''
    coproc stdbuf -oL dbus-monitor --session "type='signal',sender='org.qemu.qmp'"
    until [[ ${line:-} == *NameLost* ]]; do # that is when it listens
        read -r -t 10 -u "${COPROC[0]}" line
    done
    state=$(qmp freedesktop.DBus.Properties.Get \
        string:org.qemu.QmpEndpoint string:State | sed 's/.* //')
    qmp qemu.QmpQapi.Stop
    echo stop returned
    until [[ $seen == *@timestamp*uint64* && $seen == *RunState*variant*string* ]]; do
        read -r -t 10 -u "${COPROC[0]}" line
        seen+=$line$'\n'
    done
    kill "$COPROC_PID"
    echo signal "$(value_of @timestamp <<<"$seen")"
    echo property "$state $(value_of RunState <<<"$seen")"
}

# The value of a key of a dictionary, printed on the key's line or on the next.
value_of() {
    tr -s '\n "' ' ' | sed -E "s/.*[^a-z]$1 variant ((uint64|string) )?([^ ]*).*/\3/"
}

qmp() {
    call org.qemu.qmp /org/qemu/qmp "$@"
}

qga() {
    call org.qemu.qga /org/qemu/qga "$@"
}

call() {
    local name=$1 path=$2 member=$3
    shift 3
    dbus-send --session --print-reply=literal --dest="$name" "$path" "org.$member" "$@"
}

main
