"""dbus-next or its fork dbus-fast, with the proxies that they make from the introspection.

The argument is the library's module.
"""

import asyncio
import os
import sys
from importlib import import_module

library, aio = import_module(sys.argv[1]), import_module(sys.argv[1] + ".aio")
DBusError, Variant = library.DBusError, library.Variant


async def proxy(bus, name, path):
    return bus.get_proxy_object(name, path, await bus.introspect(name, path))


async def main():
    bus = await aio.MessageBus().connect()
    machine = await proxy(bus, "org.qemu.qmp", "/org/qemu/qmp")
    agent = await proxy(bus, "org.qemu.qga", "/org/qemu/qga")
    qmp = machine.get_interface("org.qemu.QmpQapi")
    qga = agent.get_interface("org.qemu.QgaQapi")

    known = qmp.introspection
    print("introspect", len(known.methods), len(known.signals))
    await calls(qmp, qga)
    await listen(machine, qmp)
    bus.disconnect()


async def calls(qmp, qga):
    print("no-argument", (await qmp.call_query_status())["status"].value)
    handle = await qga.call_guest_file_open(os.environ["FILE"], {"mode": Variant("s", "w")})
    print("optional", handle)
    file = {"driver": Variant("s", "null-co"), "size": Variant("x", 65536)}
    node = {"node-name": Variant("s", os.environ["NODE"]), "file": Variant("a{sv}", file)}
    await qmp.call_blockdev_add("raw", node)
    print("nested added")
    try:
        await qmp.call_device_del("missing")
    except DBusError as error:
        print("error", error.type, error.text)


async def listen(machine, qmp):
    signal, run_state = asyncio.Future(), asyncio.Future()

    def changed(interface, values, gone):
        if "RunState" in values:
            run_state.set_result(values["RunState"].value)

    qmp.on_stop_event(lambda optional: signal.set_result(optional["@timestamp"].value))
    properties = machine.get_interface("org.freedesktop.DBus.Properties")
    properties.on_properties_changed(changed)
    state = await machine.get_interface("org.qemu.QmpEndpoint").get_state()
    await qmp.call_stop()
    print("stop returned")
    print("signal", await asyncio.wait_for(signal, 10))
    print("property", state, await asyncio.wait_for(run_state, 10))


asyncio.run(main())
