"""Open, write and read back a file, run a program, handle an error, follow and wait for events."""

import base64
import os
import time

import qapi_dbus
from qapi_dbus.qmp import STOP

path = os.path.join(os.environ["SCRATCH"], "scenario.txt")
with qapi_dbus.Bus() as bus:
    agent = bus.qga("real.1")
    handle = agent.guest_file_open(path, mode="w+")
    agent.guest_file_write(handle, base64.b64encode(b"hello").decode())
    agent.guest_file_seek(handle, 0, "set")
    content = base64.b64decode(agent.guest_file_read(handle)["buf-b64"])
    agent.guest_file_close(handle)
    print("read back", content.decode())

    pid = agent.guest_exec("/bin/cat", arg=[path], capture_output=True)["pid"]
    while not (status := agent.guest_exec_status(pid))["exited"]:
        time.sleep(0.05)
    print("program", status["exitcode"], base64.b64decode(status["out-data"]).decode())

    qmp = bus.qmp("real.1")
    try:
        qmp.device_del("missing")
    except qapi_dbus.PeerError as error:
        print("error", error.class_, error.may_have_run)
    with qmp.events(STOP) as stops, qmp.events() as everything:
        qmp.cont()
        qmp.stop()
        print("waited for", stops.next(timeout=10).name)
        for event in everything:
            print("event", event.sequence, event.name)
            if STOP.matches(event):
                break
