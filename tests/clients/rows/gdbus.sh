#!/usr/bin/env bash
# gdbus, the tool of GLib.
set -euo pipefail

main() {
    local known
    known=$(gdbus introspect --session --dest org.qemu.qmp --object-path /org/qemu/qmp |
        sed -n '/interface org.qemu.QmpQapi {/,/^  };/p')
    echo introspect "$(count methods <<<"$known") $(count signals <<<"$known")"

    qmp QmpQapi.QueryStatus | sed "s/.*'status': <'\([^']*\)'>.*/no-argument \1/"
    call org.qemu.qga /org/qemu/qga org.qemu.QgaQapi.GuestFileOpen "$FILE" "{'mode': <'w'>}" |
        sed 's/.*int64 \([0-9]*\).*/optional \1/'
    qmp QmpQapi.BlockdevAdd raw "{'node-name': <'$NODE'>,
        'file': <{'driver': <'null-co'>, 'size': <int64 65536>}>}" >/dev/null
    echo nested added
    qmp QmpQapi.DeviceDel missing 2>&1 |
        sed -n 's/^Error: GDBus.Error:\([^:]*\): \(.*\)/error \1 \2/p' || true
    listen
}

listen() {
    local state signal='' run_state='' line
    coproc stdbuf -oL gdbus monitor --session --dest org.qemu.qmp --object-path /org/qemu/qmp
    read -r -u "${COPROC[0]}" # what it monitors
    read -r -u "${COPROC[0]}" # who owns the name
    state=$(call org.qemu.qmp /org/qemu/qmp org.freedesktop.DBus.Properties.Get \
        org.qemu.QmpEndpoint State | sed "s/(<'\(.*\)'>,)/\1/")
    qmp QmpQapi.Stop >/dev/null
    echo stop returned
    while [ -z "$signal" ] || [ -z "$run_state" ]; do
        read -r -t 10 -u "${COPROC[0]}" line
        case $line in
        *QmpQapi.StopEvent*)
            signal=$(sed "s/.*'@timestamp': <uint64 \([0-9]*\)>.*/\1/" <<<"$line") ;;
        *PropertiesChanged*RunState*)
            run_state=$(sed "s/.*'RunState': <'\([^']*\)'>.*/\1/" <<<"$line") ;;
        esac
    done
    kill "$COPROC_PID"
    echo signal "$signal"
    echo property "$state $run_state"
}

call() {
    local name=$1 path=$2 method=$3
    shift 3
    gdbus call --session --dest "$name" --object-path "$path" --method "$method" -- "$@"
}

qmp() {
    local method=$1
    shift
    call org.qemu.qmp /org/qemu/qmp "org.qemu.$method" "$@"
}

# How many members of a kind.
count() {
    sed -n "/^    $1:/,/^    [a-z]*:/p" | grep -c '^      [A-Z].*('
}

main
