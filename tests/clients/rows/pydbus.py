"""pydbus, with the proxies that it makes by itself."""

import os
import time
import xml.etree.ElementTree as xml

from gi.repository import Gio, GLib
from pydbus import SessionBus

bus = SessionBus()
machine = bus.get("org.qemu.qmp", "/org/qemu/qmp")
agent = bus.get("org.qemu.qga", "/org/qemu/qga")

interface = xml.fromstring(machine.Introspect()).find("interface[@name='org.qemu.QmpQapi']")
methods, signals = interface.findall("method"), interface.findall("signal")
assert all(hasattr(machine, member.get("name")) for member in methods + signals)
print("introspect", len(methods), len(signals))

print("no-argument", machine.QueryStatus()["status"])
print("optional", agent.GuestFileOpen(os.environ["FILE"], {"mode": GLib.Variant("s", "w")}))
file = {"driver": GLib.Variant("s", "null-co"), "size": GLib.Variant("x", 65536)}
node = {"node-name": GLib.Variant("s", os.environ["NODE"]), "file": GLib.Variant("a{sv}", file)}
machine.BlockdevAdd("raw", node)
print("nested added")
try:
    machine.DeviceDel("missing")
except GLib.Error as error:
    name = Gio.DBusError.get_remote_error(error)
    Gio.DBusError.strip_remote_error(error)
    print("error", name, error.message.removeprefix(f"GDBus.Error:{name}: "))

seen = {}
machine.StopEvent.connect(lambda optional: seen.update(signal=optional["@timestamp"]))
machine.PropertiesChanged.connect(lambda interface, changed, gone: seen.update(changed))
state = machine.State
machine.Stop()
print("stop returned")
end = time.monotonic() + 10
while not {"signal", "RunState"} <= seen.keys() and time.monotonic() < end:
    GLib.MainContext.default().iteration(False)
print("signal", seen["signal"])
print("property", state, seen["RunState"])
