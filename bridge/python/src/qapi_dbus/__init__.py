"""QEMU's monitor and guest agent on D-Bus: every command a typed method.

`Bus` is the blocking client, `qapi_dbus.aio.Bus` the one for asyncio; types and events are in
`qapi_dbus.qmp` and `qapi_dbus.qga`.
"""

from .blocking import Bus, Events, Qga, Qmp
from .errors import Error, Gone, NotSent, PeerError, Refused, Unknown
from .event import Event, EventType

__all__ = [
    "Bus",
    "Error",
    "Event",
    "EventType",
    "Events",
    "Gone",
    "NotSent",
    "PeerError",
    "Qga",
    "Qmp",
    "Refused",
    "Unknown",
]
