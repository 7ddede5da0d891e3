"""dasbus, with the proxies that it makes by itself."""

import os
import time
import xml.etree.ElementTree as xml

from dasbus.connection import SessionMessageBus
from dasbus.error import DBusError, ErrorMapper, get_error_decorator
from dasbus.typing import get_variant
from gi.repository import GLib

errors = ErrorMapper()


@get_error_decorator(errors)("org.qemu.QapiError.DeviceNotFound")
class DeviceNotFound(DBusError):
    """The peer knows no such device."""


bus = SessionMessageBus(error_mapper=errors)
machine = bus.get_proxy("org.qemu.qmp", "/org/qemu/qmp")
agent = bus.get_proxy("org.qemu.qga", "/org/qemu/qga")

interface = xml.fromstring(machine.Introspect()).find("interface[@name='org.qemu.QmpQapi']")
methods, signals = interface.findall("method"), interface.findall("signal")
assert all(hasattr(machine, member.get("name")) for member in methods + signals)
print("introspect", len(methods), len(signals))

print("no-argument", machine.QueryStatus()["status"].unpack())
print("optional", agent.GuestFileOpen(os.environ["FILE"], {"mode": get_variant("s", "w")}))
file = {"driver": get_variant("s", "null-co"), "size": get_variant("x", 65536)}
node = {"node-name": get_variant("s", os.environ["NODE"]), "file": get_variant("a{sv}", file)}
machine.BlockdevAdd("raw", node)
print("nested added")
try:
    machine.DeviceDel("missing")
except DeviceNotFound as error:
    print("error org.qemu.QapiError.DeviceNotFound", error)

seen = {}
machine.StopEvent.connect(lambda optional: seen.update(signal=optional["@timestamp"].unpack()))
machine.PropertiesChanged.connect(lambda interface, changed, gone: seen.update(changed))
state = machine.State
machine.Stop()
print("stop returned")
end = time.monotonic() + 10
while not {"signal", "RunState"} <= seen.keys() and time.monotonic() < end:
    GLib.MainContext.default().iteration(False)
print("signal", seen["signal"])
print("property", state, seen["RunState"].unpack())
