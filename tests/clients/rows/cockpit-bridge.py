"""cockpit-bridge: D-Bus as JSON (dbus-json3) over standard input and output."""

import itertools
import json
import os
import subprocess

MACHINE, AGENT = "org.qemu.qmp", "org.qemu.qga"
QMP, ENDPOINT = ("/org/qemu/qmp", "org.qemu.QmpQapi"), ("/org/qemu/qmp", "org.qemu.QmpEndpoint")
QGA = ("/org/qemu/qga", "org.qemu.QgaQapi")


class Bridge:
    """Frames are a length, a channel's name ("" for control) and JSON."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen("cockpit-bridge", **pipes)
        self.ids = itertools.count()
        self.heard = []
        self.send("", {"command": "init", "version": 1, "host": "localhost"})

    def open(self, name):
        bus = {"payload": "dbus-json3", "bus": "session", "name": name}
        self.send("", {"command": "open", "channel": name, **bus})

    def send(self, channel, message):
        frame = f"{channel}\n{json.dumps(message)}".encode()
        self.process.stdin.write(b"%d\n" % len(frame) + frame)
        self.process.stdin.flush()

    def ask(self, channel, message):
        number = str(next(self.ids))
        self.send(channel, {"id": number, **message})
        return self.first(lambda heard: heard if heard.get("id") == number else None)

    def call(self, channel, target, method, *arguments):
        return self.ask(channel, {"call": [*target, method, arguments]})

    def first(self, find, since=0):
        """What `find` finds in the first message, heard or still to come, where it finds any."""
        for number in itertools.count(since):
            while number >= len(self.heard):
                frame = self.process.stdout.read(int(self.process.stdout.readline()))
                self.heard.append(json.loads(frame.partition(b"\n")[2]))
            found = find(self.heard[number])
            if found is not None:
                return found


def notified(message, member):
    """What a message says of a property."""
    path, interface = ENDPOINT
    return message.get("notify", {}).get(path, {}).get(interface, {}).get(member)


def variant(signature, value):
    return {"t": signature, "v": value}


bus = Bridge()
for name in MACHINE, AGENT:
    bus.open(name)
for path, interface in QMP, ENDPOINT:
    bus.ask(MACHINE, {"watch": {"path": path, "interface": interface}})
known = bus.first(lambda message: message.get("meta", {}).get(QMP[1]))
print("introspect", len(known["methods"]), len(known["signals"]))

status = bus.call(MACHINE, QMP, "QueryStatus")["reply"][0][0]
print("no-argument", status["status"]["v"])
opened = bus.call(AGENT, QGA, "GuestFileOpen", os.environ["FILE"], {"mode": variant("s", "w")})
print("optional", *opened["reply"][0])
file = {"driver": variant("s", "null-co"), "size": variant("x", 65536)}
node = {"node-name": variant("s", os.environ["NODE"]), "file": variant("a{sv}", file)}
assert "reply" in bus.call(MACHINE, QMP, "BlockdevAdd", "raw", node)
print("nested added")
name, [text] = bus.call(MACHINE, QMP, "DeviceDel", "missing")["error"]
print("error", name, text)

state = bus.first(lambda message: notified(message, "State"))
before = len(bus.heard)
bus.send(MACHINE, {"add-match": {"interface": QMP[1], "member": "StopEvent"}})
assert "reply" in bus.call(MACHINE, QMP, "Stop")
print("stop returned")
_, _, _, [optional] = bus.first(lambda message: message.get("signal"))
print("signal", optional["@timestamp"]["v"])
print("property", state, bus.first(lambda message: notified(message, "RunState"), before))
