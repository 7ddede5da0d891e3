"""One connection to a bus: calls, and the signals of subscriptions."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from . import errors
from .stream import Stream

_BUS = "org.freedesktop.DBus"
# How much longer than the service the client waits: it answers even if it is late itself.
_GRACE = 5.0
# Signals of a subscription that arrive before its handle is known.
_EARLY = 1024


class Connection:
    """Calls methods of a bus, and hands signals to the streams that asked for them."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._streams: dict[tuple[str, str, int], Stream] = {}
        self._opening = 0
        self._early: list[Message] = []
        bus.add_message_handler(self._received)
        self._watch = asyncio.ensure_future(self._until_closed())

    @classmethod
    async def open(cls, address: str | None, system: bool) -> "Connection":
        """Connects; raises what `connect(2)` and the bus's authentication can fail with."""
        kind = BusType.SYSTEM if system else BusType.SESSION
        bus = MessageBus(bus_address=address, bus_type=kind, negotiate_unix_fd=True)
        return cls(await bus.connect())

    async def close(self) -> None:
        """Ends the connection; who waits for a reply or an event is told."""
        self._bus.disconnect()
        await self._watch

    async def call(self, message: Message, timeout: float | None = None) -> Message:
        """Sends a call and gives its reply; `timeout` is when the service gives it up."""
        if not self._bus.connected or self._watch.done():
            raise errors.disconnected(sent=False)
        limit = timeout + _GRACE if timeout else None
        try:
            async with asyncio.timeout(limit):
                reply = await self._reply(message)
        except TimeoutError:
            raise errors.timeout(limit or 0) from None
        except (OSError, EOFError):
            reply = None
        if reply is None:
            raise errors.disconnected(sent=True)
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.signature.startswith("s") else ""
            raise errors.of_reply(str(reply.error_name), text)
        return reply

    async def subscribe(self, message: Message, buffer: int) -> Stream:
        """Makes a call that returns the handle of a subscription; gives its events."""
        self._opening += 1
        stream = None
        try:
            reply = await self.call(message)
            sender = str(reply.sender)
            key = (sender, str(message.path), reply.body[0])
            stream = self._streams[key] = Stream(key, buffer)
            early, self._early = self._early, []
            for signal in early:
                self._route(signal)
            await self._match("AddMatch", sender)
            # It may have gone before the bus was asked to tell.
            if not (await self.call(_of_bus("NameHasOwner", sender))).body[0]:
                self._end(sender)
            return stream
        except BaseException:
            if stream:
                self._streams.pop(stream.key)
            raise
        finally:
            self._opening -= 1
            if not self._opening:
                self._early.clear()

    async def unsubscribe(self, stream: Stream, message: Message) -> None:
        """Ends a subscription; that it is at its end already is no error."""
        self._streams.pop(stream.key, None)
        try:
            await self.call(message)
            await self._match("RemoveMatch", stream.key[0])
        except errors.Error:
            pass

    async def _reply(self, message: Message) -> Message | None:
        if not message.unix_fds:
            return await self._bus.call(message)
        # The message may leave after a caller who was cancelled has closed its descriptors.
        message.unix_fds = [os.dup(fd) for fd in message.unix_fds]
        call = asyncio.ensure_future(self._bus.call(message))

        def close(call: asyncio.Future[Any]) -> None:
            for fd in message.unix_fds:
                os.close(fd)
            call.cancelled() or call.exception()

        call.add_done_callback(close)
        return await asyncio.shield(call)

    def _match(self, member: str, owner: str) -> Coroutine[Any, Any, Message]:
        rule = f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{owner}'"
        return self.call(_of_bus(member, rule))

    def _received(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.sender == _BUS and message.member == "NameOwnerChanged":
            name, _, owner = message.body
            if not owner:
                self._end(name)
        elif _subscription(message) is not None:
            self._route(message)

    def _route(self, message: Message) -> None:
        key = (str(message.sender), str(message.path), _subscription(message) or 0)
        if stream := self._streams.get(key):
            stream.feed(message)
        elif self._opening and len(self._early) < _EARLY:
            self._early.append(message)

    async def _until_closed(self) -> None:
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except (OSError, EOFError):
            pass
        for stream in self._streams.values():
            stream.end("the connection to the bus is closed")

    def _end(self, owner: str) -> None:
        for (sender, _, _), stream in self._streams.items():
            if sender == owner:
                stream.end("the service is gone")


def method_call(
    name: str,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: Sequence[Any] = (),
    fds: Sequence[int] = (),
) -> Message:
    """A call of a method."""
    return Message(
        destination=name,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
        unix_fds=list(fds),
    )


def _of_bus(member: str, argument: str) -> Message:
    return method_call(_BUS, "/org/freedesktop/DBus", _BUS, member, "s", [argument])


def _subscription(message: Message) -> int | None:
    last = message.body[-1] if message.body else None
    handle = last.get("@subscription") if isinstance(last, dict) else None
    return handle.value if isinstance(handle, Variant) else None
