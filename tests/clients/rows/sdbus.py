"""python-sdbus, with the classes that it generated."""

import asyncio
import os

import sdbus
from org_qemu import (
    OrgQemuQgaQapiInterface as QgaQapi,
    OrgQemuQmpEndpointInterface as QmpEndpoint,
    OrgQemuQmpQapiInterface as QmpQapi,
)


class DeviceNotFound(sdbus.DbusFailedError):
    """The peer knows no such device."""

    dbus_error_name = "org.qemu.QapiError.DeviceNotFound"


def members(interface, kind):
    return sum(kind in type(member).__name__ for member in vars(interface).values())


async def main():
    sdbus.set_default_bus(sdbus.sd_bus_open_user())
    qmp = QmpQapi.new_proxy("org.qemu.qmp", "/org/qemu/qmp")
    qga = QgaQapi.new_proxy("org.qemu.qga", "/org/qemu/qga")
    endpoint = QmpEndpoint.new_proxy("org.qemu.qmp", "/org/qemu/qmp")

    print("introspect", members(QmpQapi, "Method"), members(QmpQapi, "Signal"))
    await calls(qmp, qga)
    await listen(qmp, endpoint)


async def calls(qmp, qga):
    print("no-argument", (await qmp.query_status())["status"][1])
    print("optional", await qga.guest_file_open(os.environ["FILE"], {"mode": ("s", "w")}))
    file = {"driver": ("s", "null-co"), "size": ("x", 65536)}
    node = {"node-name": ("s", os.environ["NODE"]), "file": ("a{sv}", file)}
    await qmp.blockdev_add("raw", node)
    print("nested added")
    try:
        await qmp.device_del("missing")
    except DeviceNotFound as error:
        print("error", error.dbus_error_name, error)


async def listen(qmp, endpoint):
    signal = asyncio.create_task(anext(aiter(qmp.stop_event)))
    run_state = asyncio.create_task(change(endpoint, "run_state"))
    state = await endpoint.state
    await asyncio.sleep(0.2)  # neither iterator tells when it listens
    await qmp.stop()
    print("stop returned")
    optional = await asyncio.wait_for(signal, 10)
    print("signal", optional["@timestamp"][1])
    print("property", state, await asyncio.wait_for(run_state, 10))


async def change(endpoint, name):
    async for _, values, _ in endpoint.properties_changed:
        if "RunState" in values:
            return values["RunState"][1]


asyncio.run(main())
