"""What a subscription has received and nobody has taken yet."""

import asyncio
from collections import deque

from dbus_fast import Message

from . import errors


class Stream:
    """Signals of one subscription, the oldest first. A full one drops the oldest."""

    def __init__(self, key: tuple[str, str, int], size: int) -> None:
        self.key = key
        self.dropped = 0
        self._size = size
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._end: str | None = None

    def feed(self, message: Message) -> None:
        """Adds a signal."""
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(message)
        self._arrived.set()

    def end(self, why: str) -> None:
        """No more come."""
        self._end = why
        self._arrived.set()

    async def next(self) -> Message:
        """The next one; `Gone` after the last. Nothing is lost if it is cancelled."""
        while not self._waiting:
            if self._end:
                raise errors.gone(self._end)
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def put_back(self, message: Message) -> None:
        """Undoes `next`."""
        self._waiting.appendleft(message)
