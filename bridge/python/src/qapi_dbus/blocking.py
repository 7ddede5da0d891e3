"""The blocking client: the one for asyncio, on an event loop in a thread of its own."""

import asyncio
import copy
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Generic, Self, TypeVar, overload

from . import aio, objects
from ._qga import QgaCommands
from ._qmp import QmpCommands
from .caller import Caller
from .errors import disconnected
from .event import Event, EventType

T = TypeVar("T")


class Bus:
    """A connection to a bus: the session's, the system's, or the one of an address.

    It, and what it gives, may be used from any thread.
    """

    def __init__(self, address: str | None = None, *, system: bool = False) -> None:
        self._address = address
        self._system = system
        self._runner: _Runner | None = None

    def connect(self) -> Self:
        """Connects, as `with` does."""
        runner = _Runner()
        try:
            runner.bus = runner.run(_connected(self._address, self._system))
        except BaseException:
            runner.stop()
            raise
        self._runner = runner
        return self

    def close(self) -> None:
        """Ends the connection; calls and events that somebody waits for fail."""
        runner, self._runner = self._runner, None
        if runner:
            runner.run(runner.bus.close())
            runner.stop()

    def qga(
        self, machine: str | None = None, *, name: str | None = None, path: str | None = None
    ) -> "Qga":
        """The guest agent of a machine, or of the service's default object."""
        runner = self._open()
        return Qga(runner, runner.bus.qga(machine, name=name, path=path))

    def qmp(
        self, machine: str | None = None, *, name: str | None = None, path: str | None = None
    ) -> "Qmp":
        """The monitor of a machine, or of the service's default object."""
        runner = self._open()
        return Qmp(runner, runner.bus.qmp(machine, name=name, path=path))

    def machines(self, *, name: str = objects.FLEET) -> list[str]:
        """The names of the service's machines."""
        runner = self._open()
        return runner.run(runner.bus.machines(name=name))

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> "_Runner":
        if not self._runner:
            raise disconnected(sent=False)
        return self._runner


class _Runner:
    """An event loop in a thread."""

    bus: aio.Bus

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="qapi-dbus", daemon=True
        )
        self._thread.start()

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Runs a task there to its end; gives it up where the wait is interrupted."""
        if not self._loop.is_running():
            task.close()
            raise disconnected(sent=False)
        future = asyncio.run_coroutine_threadsafe(task, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def stop(self) -> None:
        """Ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _connected(address: str | None, system: bool) -> aio.Bus:
    return await aio.Bus(address, system=system).connect()


class Endpoint(Caller):
    """What monitors and agents have in common."""

    _inner: aio.Endpoint

    def __init__(self, runner: _Runner, inner: aio.Endpoint) -> None:
        self._runner = runner
        self._inner = inner

    def with_options(self, *, timeout: float | None = None, oob: bool = False) -> Self:
        """The same with another deadline in seconds (0: none), or out-of-band execution."""
        other = copy.copy(self)
        other._inner = self._inner.with_options(timeout=timeout, oob=oob)
        return other

    def call(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Runs any command by its QAPI name, known to this package or not."""
        return self._runner.run(self._inner.call(command, arguments))

    def state(self) -> str:
        """`disconnected`, `connecting`, `ready` or `unresponsive`."""
        return self._runner.run(self._inner.state())

    def version(self) -> str:
        """The version of QEMU or of the agent."""
        return self._runner.run(self._inner.version())

    def commands(self) -> list[str]:
        """The commands that this peer really offers."""
        return self._runner.run(self._inner.commands())

    def _call(
        self, method: str, signature: str, positional: tuple[str, ...], arguments: Mapping[str, Any]
    ) -> Any:
        return self._runner.run(self._inner._call(method, signature, positional, arguments))


class Qga(Endpoint, QgaCommands):
    """A guest agent."""


class Qmp(Endpoint, QmpCommands):
    """A monitor."""

    _inner: aio.Qmp

    def run_state(self) -> str:
        """The machine's run state, as `query-status` tells it."""
        return self._runner.run(self._inner.run_state())

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
        """Events of these types, or all, with these members: to be used in `with`.

        The service sends the current state first, as events. `buffer` bounds how many may wait to
        be taken; when there are more, the oldest are dropped.
        """
        return Events(self._runner, self._inner._events(types, match, buffer))


class Events(Generic[T]):
    """A subscription: an iterator. It ends with `Gone` if the service goes away."""

    def __init__(self, runner: _Runner, inner: aio.Events[T]) -> None:
        self._runner = runner
        self._inner = inner

    @property
    def dropped(self) -> int:
        """How many were dropped since nobody took them."""
        return self._inner.dropped

    def next(self, timeout: float | None = None) -> Event[T]:
        """The next event; `TimeoutError` after so many seconds."""
        return self._runner.run(self._inner.next(timeout))

    def __enter__(self) -> Self:
        self._runner.run(self._inner.__aenter__())
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.run(self._inner.__aexit__(None, None, None))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event[T]:
        return self.next()
