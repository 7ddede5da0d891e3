"""Events and their types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[T_co]):
    """Something that the peer told by itself."""

    #: QAPI name: `DEVICE_DELETED`.
    name: str
    #: Its members, unknown ones too.
    data: T_co
    #: Seconds since the epoch.
    timestamp: float
    #: Counts the events of the peer without gaps, unless some were dropped.
    sequence: int


@dataclass(frozen=True, slots=True)
class EventType(Generic[T_co]):
    """A kind of event: what to subscribe to, and what the data is."""

    #: QAPI name.
    name: str
    #: Name of the D-Bus signal.
    signal: str
    #: QAPI names of the signal's positional arguments.
    positional: tuple[str, ...]

    def matches(self, event: Event[Any]) -> TypeGuard[Event[T_co]]:
        """Whether an event is of this kind; type checkers then know its data."""
        return event.name == self.name


def received(name: str, positional: Sequence[str], arguments: Sequence[Any]) -> Event[Any]:
    """The event that a signal tells: positional arguments, then a dictionary."""
    rest: Mapping[str, Any] = arguments[-1]
    data = dict(zip(positional, arguments[:-1]))
    data.update((key, value) for key, value in rest.items() if not key.startswith("@"))
    return Event(name, data, rest["@timestamp"] / 1e6, rest["@sequence"])
