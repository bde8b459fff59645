"""Frames between socket and decoder: read and handled in one go, held when the reader asks, bounded for market data."""

from collections import deque
from collections.abc import Callable

CAPACITY = 1_000  # E0-4


class Inbox:
    """Hands frames on at once, in order. While held, or when one read brings more than the capacity, the oldest are
    dropped and counted; without a capacity nothing is ever dropped (account events)."""

    def __init__(self, handle: Callable[[int, bytes], None], capacity: int | None = CAPACITY) -> None:
        self._handle = handle
        self._capacity = capacity
        self._frames: deque[tuple[int, bytes]] = deque()
        self._held = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Frames not yet handled."""
        return len(self._frames)

    def put(self, recv_ns: int, frame: bytes) -> None:
        """Take one frame; it is handled by the next `drain`."""
        self._frames.append((recv_ns, frame))
        if self._capacity is not None and len(self._frames) > self._capacity:
            self._frames.popleft()
            self.dropped += 1

    def hold(self) -> None:
        """Let frames wait, for example while a gap is being repaired over REST."""
        self._held = True

    def release(self) -> None:
        """Handle what waited, then everything at once again."""
        self._held = False
        self.drain()

    def drain(self) -> None:
        """Handle everything that waits, unless held; a handler may call `hold` half-way."""
        frames = self._frames
        while frames and not self._held:
            recv_ns, frame = frames.popleft()
            self._handle(recv_ns, frame)
