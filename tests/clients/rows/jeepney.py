"""jeepney, with the wrappers that its bindgen wrote."""

import inspect
import os

from jeepney import DBusErrorResponse, MatchRule, Properties, message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from org_qemu_QgaQapi import QgaQapi
from org_qemu_QmpEndpoint import QmpEndpoint
from org_qemu_QmpQapi import QmpQapi

MACHINE = {"object_path": "/org/qemu/qmp", "bus_name": "org.qemu.qmp"}
AGENT = {"object_path": "/org/qemu/qga", "bus_name": "org.qemu.qga"}
PROPERTIES = "org.freedesktop.DBus.Properties"

bus = open_dbus_connection()
qmp = Proxy(QmpQapi(**MACHINE), bus, timeout=10)
qga = Proxy(QgaQapi(**AGENT), bus, timeout=10)

methods = [name for name, _ in inspect.getmembers(QmpQapi, inspect.isfunction) if name[0] != "_"]
print("introspect", len(methods), "-")  # bindgen makes nothing of signals

print("no-argument", qmp.QueryStatus()[0]["status"][1])
print("optional", *qga.GuestFileOpen(os.environ["FILE"], {"mode": ("s", "w")}))
file = {"driver": ("s", "null-co"), "size": ("x", 65536)}
qmp.BlockdevAdd("raw", {"node-name": ("s", os.environ["NODE"]), "file": ("a{sv}", file)})
print("nested added")
try:
    qmp.DeviceDel("missing")
except DBusErrorResponse as error:
    print("error", error.name, *error.data)

state = Proxy(Properties(QmpEndpoint(**MACHINE)), bus).get("State")[0][1]
stopped = MatchRule(type="signal", interface=QmpQapi.interface, member="StopEvent")
changed = MatchRule(type="signal", interface=PROPERTIES, member="PropertiesChanged")
for rule in stopped, changed:
    Proxy(message_bus, bus).AddMatch(rule)
with bus.filter(stopped) as stops, bus.filter(changed) as changes:
    qmp.Stop()
    print("stop returned")
    print("signal", bus.recv_until_filtered(stops, timeout=10).body[0]["@timestamp"][1])
    run_state = None
    while run_state is None:
        _, values, _ = bus.recv_until_filtered(changes, timeout=10).body
        _, run_state = values.get("RunState", (None, None))
    print("property", state, run_state)
