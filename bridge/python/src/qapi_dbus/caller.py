"""What the generated commands call through."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class HasFileno(Protocol):
    """An open file or socket."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


#: A file descriptor to send along: it is duplicated, and stays the caller's.
FileDescriptor = int | HasFileno


class AsyncCaller:
    """Calls methods from asyncio."""

    async def _call(
        self, method: str, signature: str, positional: tuple[str, ...], arguments: Mapping[str, Any]
    ) -> T:
        raise NotImplementedError


class Caller:
    """Calls methods, and blocks until they return."""

    def _call(
        self, method: str, signature: str, positional: tuple[str, ...], arguments: Mapping[str, Any]
    ) -> T:  # type: ignore[type-var]
        raise NotImplementedError
