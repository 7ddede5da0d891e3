"""Validates what a real machine and a real agent are sent, answer and tell against the JSON Schemas."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

INTROSPECTION = Path(__file__).parents[3] / "introspection"


class Schema:
    """The schema of one interface, and how often each definition was used."""

    def __init__(self, name: str) -> None:
        self.document = json.loads((INTROSPECTION / f"{name}.schema.json").read_text())
        Draft202012Validator.check_schema(self.document)
        self.seen: set[str] = set()

    def mistakes(self, definition: str, value: Any) -> list[str]:
        """What is wrong with a value."""
        assert definition in self.document["$defs"], definition
        whole = {"$ref": f"#/$defs/{definition}", "$defs": self.document["$defs"]}
        return [error.message for error in Draft202012Validator(whole).iter_errors(value)]

    def check(self, definition: str, value: Any) -> None:
        """Takes what is right, and would not take what is not."""
        self.seen.add(definition)
        mistakes = self.mistakes(definition, value)
        assert not mistakes, (definition, mistakes, value)
        assert self.mistakes(definition, "none of it"), definition
        if isinstance(value, dict):
            assert not self.mistakes(definition, {**value, "x-of-the-future": [1]}), definition
            for name in self.document["$defs"][definition].get("required", []):
                rest = {key: each for key, each in value.items() if key != name}
                assert self.mistakes(definition, rest), (definition, name)

    def questions(self, prefixes: tuple[str, ...]) -> Iterator[str]:
        """The commands that only ask, and need no argument."""
        for definition, schema in self.document["$defs"].items():
            command, _, kind = definition.rpartition(".")
            if kind == "arguments" and command.startswith(prefixes) and "required" not in schema:
                yield command


class Peer:
    """A socket of QEMU's or of an agent's own, without a bridge."""

    def __init__(self, schema: Schema, path: str) -> None:
        self.schema = schema
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def read(self) -> dict[str, Any]:
        """The next message; events are checked."""
        message: dict[str, Any] = json.loads(self.file.readline())
        if "event" in message:
            self.schema.check(message["event"] + ".data", message.get("data", {}))
        return message

    def execute(self, command: str, arguments: dict[str, Any]) -> Any:
        """What it returns; none if it is an error."""
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while "return" not in (reply := self.read()) and "error" not in reply:
            pass
        return reply.get("return")

    def ask(self, command: str, arguments: dict[str, Any]) -> Any:
        """The same, arguments and result checked if it succeeds."""
        result = self.execute(command, arguments)
        if result is not None:
            self.schema.check(command + ".arguments", arguments)
            self.schema.check(command + ".result", result)
        return result


def monitor(schema: Schema) -> None:
    """Everything that only asks, some commands that do something, some that are refused."""
    qemu = Peer(schema, os.environ["MONITOR"])
    qemu.read()
    qemu.execute("qmp_capabilities", {})
    image = os.path.join(os.environ["SCRATCH"], "traffic.img")
    file = {"driver": "file", "filename": image, "size": 1 << 20}
    done: list[tuple[str, dict[str, Any]]] = [
        ("blockdev-create", {"job-id": "j", "options": file}),
        ("blockdev-add", {"driver": "raw", "node-name": "b", "file": {"driver": "null-co"}}),
        ("blockdev-add", {"driver": "file", "node-name": "i", "filename": image}),
        ("object-add", {"qom-type": "iothread", "id": "io"}),
        ("block-dirty-bitmap-add", {"node": "b", "name": "d"}),
        ("cont", {}),
        ("stop", {}),
        ("cont", {}),
        ("system_reset", {}),
        ("qom-list", {"path": "/machine"}),
        ("query-stats", {"target": "vm"}),
        ("query-cpu-model-expansion", {"type": "static", "model": {"name": "qemu64"}}),
    ]
    Path(image).touch()
    for command, arguments in done:
        assert qemu.ask(command, arguments) is not None, command
    for command in schema.questions(("query-", "x-query-")):
        qemu.ask(command, {})
    refused: list[tuple[str, dict[str, Any]]] = [
        ("blockdev-add", {"driver": "raw", "file": 1}),
        ("blockdev-add", {"driver": "raw", "node-name": "c"}),
        ("qom-list", {}),
        ("stop", {"x": 1}),
    ]
    for command, arguments in refused:
        assert qemu.execute(command, arguments) is None, command
        # Open to members of a newer peer, which would take them.
        assert schema.mistakes(command + ".arguments", arguments) or command == "stop", command


def agent(schema: Schema) -> None:
    """The same of an agent."""
    qga = Peer(schema, os.environ["AGENT"])
    path = os.path.join(os.environ["SCRATCH"], "traffic.txt")
    handle = qga.ask("guest-file-open", {"path": path, "mode": "w"})
    for command in ("guest-file-flush", "guest-file-close"):
        qga.ask(command, {"handle": handle})
    pid = qga.ask("guest-exec", {"path": "/bin/true", "capture-output": "merged"})["pid"]
    qga.ask("guest-exec-status", {"pid": pid})
    for command in schema.questions(("guest-get-", "guest-info", "guest-ping", "guest-network-")):
        qga.ask(command, {})


def main() -> None:
    """Says how much was seen."""
    for name, talk, least in (("QmpQapi", monitor, 60), ("QgaQapi", agent, 12)):
        schema = Schema(f"org.qemu.{name}")
        talk(schema)
        events = sum(each.endswith(".data") for each in schema.seen)
        commands = sum(each.endswith(".result") for each in schema.seen)
        print(f"{name}: {commands} commands, {events} events of real traffic are as their schemas say")
        assert commands >= least, (commands, least)


if __name__ == "__main__":
    main()
