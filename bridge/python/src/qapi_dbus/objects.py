"""Where a machine or agent is on the bus, and how it is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import values

FLEET = "org.qemu.Bridge"
MACHINES = "/org/qemu/vm"


@dataclass(frozen=True, slots=True)
class Place:
    """An object, and its interfaces."""

    name: str
    path: str
    commands: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Options:
    """How calls are made."""

    #: Seconds until the service gives a call up; none for the service's default, 0 for no limit.
    timeout: float | None = None
    #: Whether QEMU runs commands out of band.
    oob: bool = False

    def members(self) -> dict[str, Any]:
        """The reserved keys that say so."""
        keys: dict[str, Any] = {}
        if self.timeout is not None:
            keys["@timeout"] = round(self.timeout * 1000)
        if self.oob:
            keys["@oob"] = True
        return keys


def place(protocol: str, machine: str | None, name: str | None, path: str | None) -> Place:
    """The object of a machine, or the one that the service has by default."""
    here = f"{MACHINES}/{encoded(machine)}" if machine is not None else f"/org/qemu/{protocol}"
    owner = FLEET if machine is not None else f"org.qemu.{protocol}"
    kind = f"org.qemu.{protocol.capitalize()}"
    return Place(name or owner, path or here, f"{kind}Qapi", f"{kind}Endpoint")


def positional(names: tuple[str, ...], arguments: Mapping[str, Any]) -> list[Any]:
    """The arguments that a method has in front."""
    missing = [name for name in names if name not in arguments]
    if missing:
        raise TypeError(f"{missing[0]!r} is missing")
    return [arguments[name] for name in names]


def optional(names: tuple[str, ...], arguments: Mapping[str, Any], options: Options) -> Any:
    """The content of a method's trailing dictionary."""
    rest = {key: value for key, value in arguments.items() if key not in names}
    return values.variants({**rest, **options.members()})


def encoded(label: str) -> str:
    """A name as part of an object path, as sd_bus_path_encode(3) does it."""
    if not label:
        return "_"
    parts = []
    for at, byte in enumerate(label.encode()):
        char = chr(byte)
        plain = char.isascii() and char.isalnum() and not (at == 0 and char.isdigit())
        parts.append(char if plain else f"_{byte:02x}")
    return "".join(parts)


def decoded(label: str) -> str:
    """The name that a part of an object path stands for."""
    if label == "_":
        return ""
    first, *rest = label.split("_")
    parts = [first.encode()]
    parts += [bytes.fromhex(part[:2]) + part[2:].encode() for part in rest]
    return b"".join(parts).decode(errors="replace")
