#!/usr/bin/env bash
# busctl, as a person uses it.
set -euo pipefail

qmp=(org.qemu.qmp /org/qemu/qmp org.qemu.QmpQapi)
endpoint=(org.qemu.qmp /org/qemu/qmp org.qemu.QmpEndpoint)
qga=(org.qemu.qga /org/qemu/qga org.qemu.QgaQapi)

members=$(busctl --user introspect "${qmp[@]}")
echo introspect "$(grep -c ' method ' <<<"$members") $(grep -c ' signal ' <<<"$members")"

busctl --user --json=short call "${qmp[@]}" QueryStatus |
    sed 's/.*"status":{"type":"s","data":"\([^"]*\)".*/no-argument \1/'
busctl --user call "${qga[@]}" GuestFileOpen 'sa{sv}' "$FILE" 1 mode s w | sed 's/^x /optional /'
busctl --user call "${qmp[@]}" BlockdevAdd 'sa{sv}' raw 2 node-name s "$NODE" \
    file 'a{sv}' 2 driver s null-co size x 65536
echo nested added
busctl --user call "${qmp[@]}" DeviceDel s missing 2>&1 | sed 's/^Call failed: /error /' || true

coproc busctl --user --json=short monitor org.qemu.qmp 2>&1
read -r -u "${COPROC[0]}" # it says that it listens
state=$(busctl --user get-property "${endpoint[@]}" State | sed 's/s "\(.*\)"/\1/')
busctl --user call "${qmp[@]}" Stop
echo stop returned
signal='' run_state=''
while [ -z "$signal" ] || [ -z "$run_state" ]; do
    read -r -t 10 -u "${COPROC[0]}" message
    case $message in
    *'"member":"StopEvent"'*)
        signal=$(sed 's/.*"@timestamp":{"type":"t","data":\([0-9]*\).*/\1/' <<<"$message") ;;
    *'"member":"PropertiesChanged"'*'"RunState"'*)
        run_state=$(sed 's/.*"RunState":{"type":"s","data":"\([^"]*\)".*/\1/' <<<"$message") ;;
    esac
done
kill "$COPROC_PID"
echo signal "$signal"
echo property "$state $run_state"
