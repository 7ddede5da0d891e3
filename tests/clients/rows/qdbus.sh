#!/usr/bin/env bash
# qdbus, the tool of Qt. It cannot send a dictionary: what needs one goes through Execute. It
# receives no signals.
set -euo pipefail

qmp=(org.qemu.qmp /org/qemu/qmp)
qga=(org.qemu.qga /org/qemu/qga)

members=$(qdbus "${qmp[@]}")
echo introspect "$(grep -c '^method .* org.qemu.QmpQapi\.' <<<"$members")" \
    "$(grep -c '^signal .* org.qemu.QmpQapi\.' <<<"$members")"

qdbus "${qmp[@]}" org.qemu.QmpQapi.QueryStatus | sed -n 's/^status: /no-argument /p'
qdbus "${qga[@]}" org.qemu.QgaEndpoint.Execute \
    '{"execute": "guest-file-open", "arguments": {"path": "'"$FILE"'", "mode": "w"}}' |
    sed 's/{"return": \(.*\)}/optional \1/'
qdbus "${qmp[@]}" org.qemu.QmpEndpoint.Execute '{"execute": "blockdev-add", "arguments": {
    "driver": "raw", "node-name": "'"$NODE"'",
    "file": {"driver": "null-co", "size": 65536}}}' | grep -q '"return"'
echo nested added
error=$(! qdbus "${qmp[@]}" org.qemu.QmpQapi.DeviceDel missing 2>&1)
tr '\n' ' ' <<<"$error" | sed 's/^Error: /error /; s/ $/\n/'

state=$(qdbus "${qmp[@]}" org.qemu.QmpEndpoint.State)
qdbus "${qmp[@]}" org.qemu.QmpQapi.Stop >/dev/null
echo stop returned
echo property "$state"
