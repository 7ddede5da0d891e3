"""dbus-python, with the main loop of GLib."""

import os
import re
import time

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

QMP, QGA = "org.qemu.QmpQapi", "org.qemu.QgaQapi"
ENDPOINT = "org.qemu.QmpEndpoint"

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
machine = bus.get_object("org.qemu.qmp", "/org/qemu/qmp")
qmp = dbus.Interface(machine, QMP)
qga = dbus.Interface(bus.get_object("org.qemu.qga", "/org/qemu/qga"), QGA)

xml = machine.Introspect(dbus_interface=dbus.INTROSPECTABLE_IFACE)
methods = dbus._expat_introspect_parser.process_introspection_data(xml)
signals = re.findall("<signal ", xml.partition(f'"{QMP}"')[2].partition("</interface>")[0])
print("introspect", sum(name.startswith(QMP + ".") for name in methods), len(signals))

print("no-argument", qmp.QueryStatus()["status"])
print("optional", qga.GuestFileOpen(os.environ["FILE"], {"mode": "w"}))
file = dbus.Dictionary({"driver": "null-co", "size": dbus.Int64(65536)}, signature="sv")
qmp.BlockdevAdd("raw", {"node-name": os.environ["NODE"], "file": file})
print("nested added")
try:
    qmp.DeviceDel("missing")
except dbus.DBusException as error:
    print("error", error.get_dbus_name(), error.get_dbus_message())

seen = {}
machine.connect_to_signal(
    "StopEvent", lambda optional: seen.update(signal=optional["@timestamp"]), QMP
)
machine.connect_to_signal(
    "PropertiesChanged", lambda interface, changed, gone: seen.update(changed),
    dbus.PROPERTIES_IFACE,
)
state = machine.Get(ENDPOINT, "State", dbus_interface=dbus.PROPERTIES_IFACE)
qmp.Stop()
print("stop returned")
end = time.monotonic() + 10
while not {"signal", "RunState"} <= seen.keys() and time.monotonic() < end:
    GLib.MainContext.default().iteration(False)
print("signal", seen["signal"])
print("property", state, seen["RunState"])
