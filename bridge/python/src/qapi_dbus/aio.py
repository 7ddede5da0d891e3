"""The client for asyncio."""

import asyncio
import copy
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, overload
from xml.etree import ElementTree

from dbus_fast import Message
from dbus_fast.signature import get_signature_tree

from . import event, objects, qmp, values
from ._qga import AsyncQgaCommands
from ._qmp import AsyncQmpCommands
from .caller import AsyncCaller
from .connection import Connection, method_call
from .errors import disconnected
from .event import Event, EventType
from .stream import Stream

T = TypeVar("T")
_OPTIONAL = "a{sv}"
_INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_QAPI_NAME = "annotation[@name='org.qemu.Qapi.Name']"


class Bus:
    """A connection to a bus: the session's, the system's, or the one of an address."""

    def __init__(self, address: str | None = None, *, system: bool = False) -> None:
        self._address = address
        self._system = system
        self._connection: Connection | None = None

    async def connect(self) -> Self:
        """Connects, as `async with` does."""
        self._connection = await Connection.open(self._address, self._system)
        return self

    async def close(self) -> None:
        """Ends the connection; calls and events that somebody waits for fail."""
        if self._connection:
            await self._connection.close()

    def qga(
        self, machine: str | None = None, *, name: str | None = None, path: str | None = None
    ) -> "Qga":
        """The guest agent of a machine, or of the service's default object."""
        return Qga(self._open(), objects.place("qga", machine, name, path))

    def qmp(
        self, machine: str | None = None, *, name: str | None = None, path: str | None = None
    ) -> "Qmp":
        """The monitor of a machine, or of the service's default object."""
        return Qmp(self._open(), objects.place("qmp", machine, name, path))

    async def machines(self, *, name: str = objects.FLEET) -> list[str]:
        """The names of the service's machines."""
        call = method_call(name, objects.MACHINES, _INTROSPECTABLE, "Introspect")
        root = ElementTree.fromstring((await self._open().call(call)).body[0])
        return [objects.decoded(node.attrib["name"]) for node in root.findall("node")]

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def _open(self) -> Connection:
        if not self._connection:
            raise disconnected(sent=False)
        return self._connection


class Endpoint(AsyncCaller):
    """What monitors and agents have in common."""

    def __init__(self, connection: Connection, place: objects.Place) -> None:
        self._connection = connection
        self._place = place
        self._options = objects.Options()

    def with_options(self, *, timeout: float | None = None, oob: bool = False) -> Self:
        """The same with another deadline in seconds (0: none), or out-of-band execution."""
        other = copy.copy(self)
        other._options = objects.Options(timeout, oob)
        return other

    async def call(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Runs any command by its QAPI name, known to this package or not."""
        options = values.variants(self._options.members())
        body = [command, values.variants(arguments or {}), options]
        reply = await self._send(self._place.endpoint, "Call", "sa{sv}a{sv}", body)
        return values.plain(reply.body[0])

    async def state(self) -> str:
        """`disconnected`, `connecting`, `ready` or `unresponsive`."""
        return str(await self._property("State"))

    async def version(self) -> str:
        """The version of QEMU or of the agent."""
        return str(await self._property("Version"))

    async def commands(self) -> list[str]:
        """The commands that this peer really offers."""
        return list(await self._property("Commands"))

    async def _call(
        self, method: str, signature: str, positional: tuple[str, ...], arguments: Mapping[str, Any]
    ) -> Any:
        arguments = values.given(arguments)
        fds: list[int] = []
        parts = []
        declared = get_signature_tree(signature).types
        for kind, value in zip(declared, objects.positional(positional, arguments)):
            if kind.token == "h":
                fds.append(value if isinstance(value, int) else value.fileno())
                parts.append(("h", len(fds) - 1))
            else:
                parts.append(values.typed(kind, value))
        rest = objects.optional(positional, arguments, self._options)
        if rest or len(declared) > len(parts):
            parts.append((_OPTIONAL, rest))
        sent = "".join(kind for kind, _ in parts)
        body = [value for _, value in parts]
        reply = await self._send(self._place.commands, method, sent, body, fds)
        return values.plain(reply.body[0]) if reply.body else None

    async def _property(self, name: str) -> Any:
        body = [self._place.endpoint, name]
        reply = await self._send(_PROPERTIES, "Get", "ss", body)
        return values.plain(reply.body[0])

    async def _send(
        self, interface: str, member: str, signature: str, body: list[Any], fds: list[int] = []
    ) -> Message:
        return await self._connection.call(
            self._message(interface, member, signature, body, fds), self._options.timeout
        )

    def _message(
        self, interface: str, member: str, signature: str, body: list[Any], fds: list[int] = []
    ) -> Message:
        place = self._place
        return method_call(place.name, place.path, interface, member, signature, body, fds)


class Qga(Endpoint, AsyncQgaCommands):
    """A guest agent."""


class Qmp(Endpoint, AsyncQmpCommands):
    """A monitor."""

    async def run_state(self) -> str:
        """The machine's run state, as `query-status` tells it."""
        return str(await self._property("RunState"))

    @overload
    def events(
        self, *names: str, match: Mapping[str, Any] | None = ..., buffer: int = ...
    ) -> "Events[dict[str, Any]]": ...

    @overload
    def events(
        self,
        first: EventType[T],
        /,
        *types: EventType[T],
        match: Mapping[str, Any] | None = ...,
        buffer: int = ...,
    ) -> "Events[T]": ...

    def events(
        self,
        *types: EventType[Any] | str,
        match: Mapping[str, Any] | None = None,
        buffer: int = 1024,
    ) -> "Events[Any]":
        """Events of these types, or all, with these members: to be used in `async with`.

        The service sends the current state first, as events. `buffer` bounds how many may wait to
        be taken; when there are more, the oldest are dropped.
        """
        return self._events(types, match, buffer)

    def _events(
        self,
        types: tuple[EventType[Any] | str, ...],
        match: Mapping[str, Any] | None,
        buffer: int,
    ) -> "Events[Any]":
        names = [each if isinstance(each, str) else each.name for each in types]
        return Events(self, names, match or {}, buffer)

    async def _subscribe(self, names: list[str], match: Mapping[str, Any], buffer: int) -> Stream:
        body = [names, values.variants(match)]
        call = self._message(self._place.endpoint, "Subscribe", "asa{sv}", body)
        return await self._connection.subscribe(call, buffer)

    async def _unsubscribe(self, stream: Stream) -> None:
        call = self._message(self._place.endpoint, "Unsubscribe", "t", [stream.key[2]])
        await self._connection.unsubscribe(stream, call)

    async def _event(self, signal: Message) -> Event[Any]:
        arguments = values.plain(signal.body)
        member = str(signal.member)
        if signal.interface == self._place.endpoint:  # UnknownEvent
            return event.received(arguments[0], (), arguments[1:])
        kind = qmp.EVENTS.get(member) or (await self._newer_signals())[member]
        return event.received(kind.name, kind.positional, arguments)

    async def _newer_signals(self) -> dict[str, EventType[Any]]:
        """What the service says of its signals: it can be newer than this package."""
        text = (await self._send(_INTROSPECTABLE, "Introspect", "", [])).body[0]
        interface = f"interface[@name='{self._place.commands}']"
        found = ElementTree.fromstring(text).iterfind(f"{interface}/signal")
        return {signal.attrib["name"]: _event_type(signal) for signal in found}


class Events(Generic[T]):
    """A subscription: an asynchronous iterator. It ends with `Gone` if the service goes away."""

    def __init__(self, qmp: Qmp, names: list[str], match: Mapping[str, Any], buffer: int) -> None:
        self._qmp = qmp
        self._wanted = (names, match, buffer)
        self._stream: Stream | None = None

    @property
    def dropped(self) -> int:
        """How many were dropped since nobody took them."""
        return self._stream.dropped if self._stream else 0

    async def next(self, timeout: float | None = None) -> Event[T]:
        """The next event; `TimeoutError` after so many seconds. Cancelling loses none."""
        if not self._stream:
            raise RuntimeError("events are to be used in `with`")
        async with asyncio.timeout(timeout):
            signal = await self._stream.next()
            try:
                return await self._qmp._event(signal)
            except BaseException:
                self._stream.put_back(signal)
                raise

    async def __aenter__(self) -> Self:
        self._stream = await self._qmp._subscribe(*self._wanted)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream:
            await self._qmp._unsubscribe(self._stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event[T]:
        return await self.next()


def _event_type(signal: ElementTree.Element) -> EventType[Any]:
    named = [_qapi_name(argument) for argument in signal.findall("arg")]
    return EventType(_qapi_name(signal), signal.attrib["name"], tuple(named[:-1]))


def _qapi_name(element: ElementTree.Element) -> str:
    annotation = element.find(_QAPI_NAME)
    return element.attrib["name"] if annotation is None else annotation.attrib["value"]
