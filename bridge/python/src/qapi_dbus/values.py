"""Python values as D-Bus values, and back.

The service takes any integer type in range and a variant for anything, so only positional arguments
have a declared type; what is inside dictionaries is typed by its value.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from dbus_fast import Variant
from dbus_fast.signature import SignatureType


class Unset(Enum):
    """Type of `UNSET`."""

    UNSET = "UNSET"


class Null(Enum):
    """Type of `NULL`."""

    NULL = "NULL"


#: An argument that is left out where `None` would be a value.
UNSET: Final = Unset.UNSET
#: QAPI's `null` where `None` would be left out.
NULL: Final = Null.NULL

_WIDTHS = {"n": (16, True), "i": (32, True), "x": (64, True)}
_WIDTHS |= {"y": (8, False), "q": (16, False), "u": (32, False), "t": (64, False)}


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are not left out."""
    return {name: value for name, value in arguments.items() if value is not None and value is not UNSET}


def typed(declared: SignatureType, value: Any) -> tuple[str, Any]:
    """A value with the declared type, or if it has another, with its own: the service judges."""
    try:
        return declared.signature, _fit(declared, value)
    except _Misfit:
        return _inferred(value)


def variants(members: Mapping[str, Any]) -> dict[str, Variant]:
    """The content of an `a{sv}`. Raises `TypeError` for what JSON cannot hold."""
    converted = {}
    for name, value in members.items():
        try:
            converted[name] = Variant(*_inferred(value))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name!r}: {error}") from None
    return converted


def plain(value: Any) -> Any:
    """A received value as JSON would have it."""
    if isinstance(value, Variant):
        return _content(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


class _Misfit(Exception):
    """The value is not of the declared type."""


def _content(variant: Variant) -> Any:
    match variant.signature:
        case "g":  # null
            return None
        case "ay":  # a string with U+0000
            return bytes(variant.value).decode()
        case "(s)":  # nested deeper than D-Bus allows
            return json.loads(variant.value[0])
    return plain(variant.value)


def _fit(declared: SignatureType, value: Any) -> Any:
    match declared.token:
        case "s" if isinstance(value, str):
            return _text(value)
        case "b" if isinstance(value, bool):
            return value
        case "d" if isinstance(value, float | int) and not isinstance(value, bool):
            return float(value)
        case "v":
            return Variant(*_inferred(value))
        case "a" if declared.signature == "a{sv}" and isinstance(value, Mapping):
            return variants(value)
        case "a" if _is_list(value):
            return [_fit(declared.children[0], each) for each in value]
        case token if token in _WIDTHS and _has_width(value, *_WIDTHS[token]):
            return value
    raise _Misfit


def _has_width(value: Any, bits: int, signed: bool) -> bool:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < high


def _inferred(value: Any) -> tuple[str, Any]:
    match value:
        case bool():
            return "b", value
        case int() if _has_width(value, 64, signed=True):
            return "x", value
        case int() if _has_width(value, 64, signed=False):
            return "t", value
        case int():
            raise ValueError("no integer of 64 bits")
        case float():
            return "d", value
        case str():
            return "s", _text(value)
        case None | Null.NULL:
            return "g", ""
        case Mapping():
            return "a{sv}", variants(value)
        case _ if _is_list(value):
            return _list(value)
    raise TypeError(f"{type(value).__name__} is no type of JSON")


def _list(values: Iterable[Any]) -> tuple[str, Any]:
    elements = [_inferred(value) for value in values]
    kinds = {signature for signature, _ in elements}
    if len(kinds) == 1:
        return "a" + kinds.pop(), [value for _, value in elements]
    return "av", [Variant(*element) for element in elements]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("D-Bus strings cannot hold U+0000")
    value.encode()  # lone surrogates cannot be sent either
    return str(value)
