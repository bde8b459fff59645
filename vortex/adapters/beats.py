"""The shared page of one node: every process beats in its own slot, and the breaker's lease lies beside them.

1. All words are written through a memoryview cast to 'Q', whose aligned 8-byte store is one instruction;
   struct.pack_into clears before it writes and readers would see zeros.
2. One writer per slot. The lease has one writer too: the breaker of the newest epoch, guarded by a fence word.
3. A reader never waits. A lease that is torn, fenced off or never granted is no lease (decision 4).
4. A new executor is announced here before it may act, so that an older one, woken late, can see it (ADR 0007).
"""

import mmap
import os
import zlib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType

import msgspec

from vortex.domain.lease import Lease
from vortex.kernel.clock import Mono
from vortex.kernel.errors import ConfigError, Fenced

SLOT_WORDS = 8
SLOTS = 256
_HEADER_BYTES = 4_096
PAGE_BYTES = _HEADER_BYTES + SLOTS * SLOT_WORDS * 8

# Header words.
_MAGIC, _ROOT_BEAT, _ROOT_EPOCH, _BREAKER_FENCE, _ROOT_WHO, _ROOT_STATE, _STOP_WISH, _NEWEST_EXECUTOR = range(8)
_MAGIC_VALUE = 0x564F52544558_0001  # "VORTEX", layout 1

# Lease block: words, then a msgpack tail up to the end of the header.
_SEQ, _EPOCH, _EXPIRES, _JUDGED, _ALLOWS, _TAIL_LEN, _CHECK = range(128, 135)
_TAIL = 136 * 8
TAIL_BYTES_MAX = _HEADER_BYTES - _TAIL
READ_TRIES = 4

# Slot words.
_BEAT, _PROGRESS, _DEPTH, _LAG, _SLOT_EPOCH, _STATE, _WATERMARK, _WHO = range(SLOT_WORDS)

STATES = ("idle", "starting", "recovering", "running", "degraded", "stopping", "ended", "failed")
"""What the state word of a slot can say, by number. `idle` is a warm standby without a role."""


ROOT_STATES = ("booting", "starting", "running", "degraded", "stopping", "stopped", "halted")
"""What the whole tree is about, by number, for those who watch without a connection to Ray."""

STOP_MODES = ("", "keep", "flatten")
"""What the launcher may wish for, by number."""


@dataclass(frozen=True, slots=True)
class SlotView:
    """One process as its slot shows it."""

    beat_ns: int
    progress: int
    queue_depth: int
    loop_lag_ns: int
    epoch: int
    state: str
    watermark_ms: int
    pid: int
    tid: int


class BeatsPage:
    """The mapped file. Created by the first who opens it, shared by all processes of the node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(fd).st_size < PAGE_BYTES:
                os.ftruncate(fd, PAGE_BYTES)
            self._map = mmap.mmap(fd, PAGE_BYTES)
        finally:
            os.close(fd)
        self._bytes = memoryview(self._map)
        self.words = self._bytes.cast("Q")
        if self.words[_MAGIC] not in (0, _MAGIC_VALUE):
            self.close()
            raise ConfigError(f"{path} is not a beats page of this version; remove it while nothing runs")
        self.words[_MAGIC] = _MAGIC_VALUE

    def close(self) -> None:
        """Unmap. The file stays for the others."""
        self.words.release()
        self._bytes.release()
        self._map.close()

    def __enter__(self) -> "BeatsPage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def slot(self, index: int) -> "BeatSlot":
        """The writer's side of one slot."""
        return BeatSlot(self, index)

    def read(self, index: int) -> SlotView:
        """The reader's side of one slot."""
        words, at = self.words, _slot_at(index)
        who, state = words[at + _WHO], words[at + _STATE]
        return SlotView(
            beat_ns=words[at + _BEAT],
            progress=words[at + _PROGRESS],
            queue_depth=words[at + _DEPTH],
            loop_lag_ns=words[at + _LAG],
            epoch=words[at + _SLOT_EPOCH],
            state=STATES[state] if state < len(STATES) else "idle",
            watermark_ms=words[at + _WATERMARK],
            pid=who & 0xFFFF_FFFF,
            tid=who >> 32,
        )

    def clear(self, index: int) -> None:
        """Empty a slot before it is given to another process."""
        at = _slot_at(index)
        for word in range(at, at + SLOT_WORDS):
            self.words[word] = 0

    def claim(self, root_epoch: int, now: Mono) -> None:
        """The supervisor's own beat: whoever maps the page knows that it is looked after."""
        self.words[_ROOT_EPOCH] = root_epoch
        self.words[_ROOT_BEAT] = now

    def introduce_root(self, pid: int, tid: int) -> None:
        """Say who the supervisor is, for the launcher that watches it."""
        self.words[_ROOT_WHO] = pid | tid << 32

    def root_who(self) -> tuple[int, int]:
        """The supervisor's process and its loop's thread; zeros when there is none."""
        who = self.words[_ROOT_WHO]
        return who & 0xFFFF_FFFF, who >> 32

    def set_root_state(self, state: str) -> None:
        """Publish one of ROOT_STATES."""
        self.words[_ROOT_STATE] = ROOT_STATES.index(state)

    def root_state(self) -> str:
        """What the tree is about."""
        return ROOT_STATES[self.words[_ROOT_STATE]]

    def wish_stop(self, mode: str) -> None:
        """Ask the root to stop the tree; it looks at every sweep. Needs no Ray, so it works when Ray is half dead."""
        self.words[_STOP_WISH] = STOP_MODES.index(mode)

    def stop_wish(self) -> str:
        """How the tree should stop; empty when nobody asked."""
        return STOP_MODES[self.words[_STOP_WISH]]

    def claimed_ns(self) -> int:
        """When a supervisor last beat, monotonic ns; 0 when none ever did."""
        return self.words[_ROOT_BEAT]

    def fence_breaker(self, epoch: int) -> None:
        """From now on only leases of this breaker epoch or a newer one count. Raised, never lowered."""
        if epoch > self.words[_BREAKER_FENCE]:
            self.words[_BREAKER_FENCE] = epoch

    def announce_executor(self, epoch: int) -> None:
        """An executor of this epoch is about to begin: older ones on this node are replaced. Raised, never lowered."""
        if epoch > self.words[_NEWEST_EXECUTOR]:
            self.words[_NEWEST_EXECUTOR] = epoch

    def newest_executor(self) -> int:
        """Epoch of the newest executor announced on this node; 0 when this node knows of none."""
        return self.words[_NEWEST_EXECUTOR]

    def lease_tail(self, length: int) -> bytes:
        """Copy of the lease's tail."""
        return bytes(self._bytes[_TAIL : _TAIL + length])

    def write_lease_tail(self, tail: bytes) -> None:
        """Replace the lease's tail; the caller holds the sequence odd."""
        self._bytes[_TAIL : _TAIL + len(tail)] = tail


class BeatSlot:
    """One process's own eight words. `progress` counts work done, so that a live thread without work is told apart."""

    def __init__(self, page: BeatsPage, index: int) -> None:
        self.index = index
        self._words = page.words
        self._at = _slot_at(index)

    def beat(self, now: Mono, lag_ns: int) -> None:
        """One turn of the loop, `lag_ns` late."""
        self._words[self._at + _LAG] = max(lag_ns, 0)
        self._words[self._at + _BEAT] = now

    def introduce(self, pid: int, tid: int) -> None:
        """Say who beats here: the process and its loop's thread, whose CPU and state the sweep looks at."""
        self._words[self._at + _WHO] = pid | tid << 32

    def set_state(self, state: str) -> None:
        """Publish one of STATES."""
        self._words[self._at + _STATE] = STATES.index(state)

    def set_epoch(self, epoch: int) -> None:
        """Publish the incarnation."""
        self._words[self._at + _SLOT_EPOCH] = epoch

    def set_queue_depth(self, depth: int) -> None:
        """Publish how many messages wait."""
        self._words[self._at + _DEPTH] = depth

    def set_watermark(self, ms: int) -> None:
        """Publish the newest market time handled, Unix ms: readiness, never liveness."""
        self._words[self._at + _WATERMARK] = ms

    def progressed(self, count: int = 1) -> None:
        """Count work done."""
        self._words[self._at + _PROGRESS] += count


class _Tail(msgspec.Struct, frozen=True, array_like=True):
    risk_cap_pct: Decimal | None
    reasons: tuple[str, ...]
    state: str
    cooldown_until_ms: int


_encode_tail = msgspec.msgpack.Encoder().encode
_decode_tail = msgspec.msgpack.Decoder(_Tail).decode


class PermitWriter:
    """The breaker's pen. A breaker that was replaced finds the fence above its epoch and must go."""

    def __init__(self, page: BeatsPage, epoch: int) -> None:
        self._page = page
        self._epoch = epoch

    def publish(self, lease: Lease) -> None:
        """Put the lease in force for everyone on this node; raise Fenced when a newer breaker lives."""
        words = self._page.words
        if words[_BREAKER_FENCE] > self._epoch or words[_EPOCH] > self._epoch:
            raise Fenced(f"breaker epoch {self._epoch} is older than the page's")
        tail = _fitting_tail(lease)
        sequence = words[_SEQ] | 1
        words[_SEQ] = sequence  # odd: being written
        words[_EPOCH] = lease.epoch
        words[_EXPIRES] = lease.expires_mono_ns
        words[_JUDGED] = lease.judged_through
        words[_ALLOWS] = lease.allows
        words[_TAIL_LEN] = len(tail)
        self._page.write_lease_tail(tail)
        words[_CHECK] = _checksum(lease.epoch, lease.expires_mono_ns, lease.judged_through, lease.allows, tail)
        words[_SEQ] = sequence + 1


class PermitReader:
    """The executor's eye: vortex.ports.PermitReader over the page. An unchanged lease costs one word's read."""

    def __init__(self, page: BeatsPage) -> None:
        self._page = page
        self._seen = 0
        self._lease: Lease | None = None

    def read(self) -> Lease | None:
        """The lease in force, expired or not; None when there is none, it is torn, or its breaker was replaced."""
        words = self._page.words
        if words[_SEQ] != self._seen:
            self._refresh()
        lease = self._lease
        if lease is None or lease.epoch < words[_BREAKER_FENCE]:
            return None
        return lease

    def _refresh(self) -> None:
        words = self._page.words
        self._lease, self._seen = None, 0
        for _ in range(READ_TRIES):
            before = words[_SEQ]
            if before & 1:
                continue
            epoch, expires, judged, allows = words[_EPOCH], words[_EXPIRES], words[_JUDGED], words[_ALLOWS]
            length, check = words[_TAIL_LEN], words[_CHECK]
            if length > TAIL_BYTES_MAX:
                continue
            tail = self._page.lease_tail(length)
            # The sequence orders the words on one core; the checksum holds where stores may pass each other.
            if words[_SEQ] != before or check != _checksum(epoch, expires, judged, allows, tail):
                continue
            rest = _decode_tail(tail)
            self._lease = Lease(
                epoch=epoch,
                allows=bool(allows),
                judged_through=judged,
                expires_mono_ns=expires,
                risk_cap_pct=rest.risk_cap_pct,
                reasons=rest.reasons,
                state=rest.state,
                cooldown_until_ms=rest.cooldown_until_ms,
            )
            self._seen = before
            return


def _slot_at(index: int) -> int:
    assert 0 <= index < SLOTS, f"no such slot: {index}"
    return _HEADER_BYTES // 8 + index * SLOT_WORDS


def _fitting_tail(lease: Lease) -> bytes:
    """The tail in bytes; reasons that do not fit are dropped from the end, never the verdict."""
    reasons = lease.reasons
    while True:
        tail = _encode_tail(_Tail(lease.risk_cap_pct, reasons, lease.state, lease.cooldown_until_ms))
        if len(tail) <= TAIL_BYTES_MAX:
            return tail
        reasons = reasons[: len(reasons) // 2]


def _checksum(epoch: int, expires: int, judged: int, allows: int, tail: bytes) -> int:
    return zlib.crc32(tail, hash((epoch, expires, judged, allows)) & 0xFFFF_FFFF)
