"""What a call can fail with, and whether the command may have run."""

_QAPI = "org.qemu.QapiError."
_STANDARD = "org.freedesktop.DBus.Error."
# The service took the call and its answer never came, or it failed on the way.
_OUTCOME_UNKNOWN = {"NoReply", "Timeout", "TimedOut", "Disconnected", "Failed"}
# There was nobody to take the call.
_NOBODY_THERE = {"ServiceUnknown", "NameHasNoOwner"}


class Error(Exception):
    """A call failed. `name` is the D-Bus error's name, `text` is for people."""

    #: Whether the command may have had an effect.
    may_have_run: bool = False

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text

    def __reduce__(self) -> tuple[type["Error"], tuple[str, str]]:
        return type(self), (self.name, self.text)

    @property
    def reason(self) -> str:
        """The last part of the name: `Timeout`, `NotConnected`, `InvalidArgs`."""
        return self.name.rpartition(".")[2]


class PeerError(Error):
    """QEMU or the guest agent answered with an error."""

    @property
    def class_(self) -> str:
        """QAPI's error class: `GenericError`, `DeviceNotFound`, or one not known yet."""
        return self.name.removeprefix(_QAPI)

    @property
    def may_have_run(self) -> bool:  # type: ignore[override]
        """A command that does not exist cannot have run; others can fail half way."""
        return self.class_ != "CommandNotFound"


class NotSent(Error):
    """Not a byte was sent to the peer: a retry is safe."""


class Unknown(Error):
    """The command was sent and its outcome is not known. Nothing is ever repeated."""

    may_have_run = True


class Refused(Error):
    """The service or the bus did not accept the call: arguments, permission, limits."""


def of_reply(name: str, text: str) -> Error:
    """The error that a reply of this name is."""
    kind: type[Error] = Refused
    if name.startswith(_QAPI):
        family = name.removeprefix(_QAPI)
        kind = {"NotSent": NotSent, "Unknown": Unknown}.get(family.partition(".")[0], PeerError)
    elif name.startswith(_STANDARD):
        reason = name.removeprefix(_STANDARD)
        kind = Unknown if reason in _OUTCOME_UNKNOWN else kind
        kind = NotSent if reason in _NOBODY_THERE else kind
    return kind(name, text)


def disconnected(*, sent: bool) -> Error:
    """The connection to the bus is at its end."""
    kind = Unknown if sent else NotSent
    return kind(_STANDARD + "Disconnected", "the connection to the bus is closed")


def timeout(seconds: float) -> Unknown:
    """The service did not answer in time, as it always should."""
    return Unknown(_QAPI + "Unknown.Timeout", f"no answer within {seconds:g} s")


class Gone(Error):
    """The service or the bus went away: no more events come. Subscribe anew, and look what is."""


def gone(text: str) -> Gone:
    """Why a subscription is at its end."""
    return Gone(_STANDARD + "Disconnected", text)
