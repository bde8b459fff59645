"""Journal before wire: batches that others wait for, and a backlog for what happened while the journal was away.

1. Records reach the journal in the order in which they were made.
2. What must not happen before a record is durable is handed in as `then`.
3. Facts are never given up: they are written again until they are taken. An intent to enter whose commit failed is
   not acted on any more, but it is written again too, since nobody knows whether it is durable.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vortex.domain.effects import Commit, Exit
from vortex.domain.outcomes import CommitFailed, Committed
from vortex.domain.records import OrderChanged, Record
from vortex.engine.desk import Desk
from vortex.kernel.clock import MS

BACKLOG_MAX = 20_000
RETRY_KEY = "journal"
NEVER_NS = 3_600_000 * MS
PAUSE_NS = 100 * MS
"""A timer that fires this much too late means that the process was stopped meanwhile."""


@dataclass(slots=True)
class _Batch:
    records: tuple[Record, ...]
    then: Callable[[], None] | None = None
    lost: Callable[[str], None] | None = None
    patient: bool = True


class Ledger:
    """All writing to the journal."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next = 1
        self._waiting: dict[int, _Batch] = {}
        self._backlog: list[tuple[int, Record]] = []
        self._retrying = 0
        self._facts: list[Record] = []
        self._unprobed: list[Callable[[], None]] = []
        self._probing: list[Callable[[], None]] = []
        self._after_backlog: list[Callable[[], None]] = []
        self._written_ns = 0
        self._patience_ends_ns: dict[int, int] = {}
        self._changed_in: dict[str, int] = {}
        self.fenced = False
        self.available = True

    @property
    def backlog(self) -> int:
        """Records that are not durable yet and should be."""
        return len(self._backlog)

    def quiet_ns(self) -> int:
        """How long ago the last batch was written."""
        return self._desk.mono_ns - self._written_ns

    def record(self, *records: Record) -> None:
        """Note facts that nobody waits for; those of one event become one batch, all or nothing."""
        self._facts.extend(records)

    def flush(self) -> None:
        """Write the facts noted so far, before anything that comes after them."""
        if not self._facts:
            return
        facts, self._facts = tuple(self._facts), []
        if self.available:
            self._write(_Batch(facts))
        else:
            self._keep(facts)

    def gate(self, records: tuple[Record, ...], then: Callable[[], None], lost: Callable[[str], None]) -> None:
        """Write an intent; `then` when it is durable, `lost` when it is not and will not be tried again."""
        self.flush()
        if self.available:
            self._write(_Batch(records, then, lost))
        else:
            self._keep(records)
            lost("the journal is away")

    def require(self, records: tuple[Record, ...], then: Callable[[], None]) -> None:
        """Write facts that something waits for, however long it takes."""
        self.flush()
        if self.available:
            self._write(_Batch(records, then))
        else:
            self._keep(records)
            self._after_backlog.append(then)

    def insist(self, records: tuple[Record, ...], then: Callable[[], None]) -> None:
        """Write an intent to reduce risk; `then` when it is durable, or when waiting would be the greater risk."""
        self.flush()
        if not self.available:
            self._probe(records, then)
            return
        batch = _Batch(records, then, patient=False)
        self._wait_patiently(self._write(batch))

    def committed(self, event: Committed) -> None:
        """A batch is durable."""
        batch = self._waiting.pop(event.batch, None)
        self._patience_ends_ns.pop(event.batch, None)
        if batch is None:
            return
        if not batch.patient:
            self._desk.cancel_timer(f"patience/{event.batch}")
        if event.batch == self._retrying:
            self._retrying = 0
            self._run_probing()
            self.available = not self._backlog
            if self._backlog:
                self._retry()
            else:
                self._desk.audit("journal.back")
                self._run_waiting()
        if batch.then is not None:
            batch.then()

    def failed(self, event: CommitFailed) -> None:
        """A batch is not durable, as far as anybody knows."""
        batch = self._waiting.pop(event.batch, None)
        self._patience_ends_ns.pop(event.batch, None)
        if batch is None:
            return
        if event.fenced:
            self.fence(event.reason)
            return
        if self.available:
            self.available = False
            self._desk.audit("journal.lost", reason=event.reason)
            self._desk.alert("error", f"journal unavailable: {event.reason}; entries halt, reductions go on")
        # A failed commit may be durable all the same: what it said is said again, whatever becomes of its purpose.
        kept = [(event.batch, record) for record in self._without_newer(event.batch, batch.records)]
        self._backlog = sorted([*self._backlog, *kept], key=lambda pair: pair[0])
        if batch.lost is not None:
            batch.lost(event.reason)
        else:
            if batch.then is not None and batch.patient:
                self._after_backlog.append(batch.then)
            elif batch.then is not None:
                batch.then()
        if event.batch == self._retrying or not self._retrying:
            self._retrying = 0
            self._run_probing()
            self._desk.set_timer(RETRY_KEY, self._desk.settings.journal_retry_ms)

    def fence(self, reason: str) -> None:
        """A newer executor lives: nothing is written any more, and this process ends."""
        self.fenced = True
        self._desk.emit(Exit(reason=f"fenced: {reason}"))

    def timer(self, key: str) -> bool:
        """Retry the backlog, or let an impatient reduction go; True when the timer was ours."""
        if key == RETRY_KEY:
            self._retry()
            return True
        if not key.startswith("patience/"):
            return False
        number = int(key.split("/")[1])
        if self._desk.mono_ns - self._patience_ends_ns.pop(number, 0) > PAUSE_NS and number in self._waiting:
            # We were stopped, and the journal may have answered meanwhile. Once only, for load makes timers late too.
            self._desk.set_timer(key, self._desk.settings.journal_patience_ms)
            self._patience_ends_ns[number] = self._desk.mono_ns + NEVER_NS
            return True
        if number == self._retrying:
            self._probing += self._unprobed
            self._unprobed = []
            self._run_probing()
        batch = self._waiting.get(number)
        if batch is not None and batch.then is not None:
            then, batch.then = batch.then, None
            self._desk.audit("journal.slow")
            then()
        return True

    def _retry(self) -> None:
        if self._retrying:
            return
        if not self._backlog:
            self.available = True
            self._run_waiting()
            return
        self._probing += self._unprobed
        self._unprobed = []
        records, self._backlog = tuple(record for _, record in self._backlog), []
        self._retrying = self._write(_Batch(records))

    def _probe(self, records: tuple[Record, ...], then: Callable[[], None]) -> None:
        """The journal was away; try once more before a reduction leaves without it.

        If it is back by now it takes the intent, or says that a newer executor lives: one that was paused for long
        must not reduce what its successor has built.
        """
        self._keep(records)
        self._unprobed.append(then)
        self._retry()
        self._wait_patiently(self._retrying)

    def _wait_patiently(self, number: int) -> None:
        patience_ms = self._desk.settings.journal_patience_ms
        self._patience_ends_ns[number] = self._desk.mono_ns + patience_ms * MS
        self._desk.set_timer(f"patience/{number}", patience_ms)

    def _run_probing(self) -> None:
        probing, self._probing = self._probing, []
        for then in probing:
            then()

    def _run_waiting(self) -> None:
        waiting, self._after_backlog = self._after_backlog, []
        for then in waiting:
            then()

    def _write(self, batch: _Batch) -> int:
        number = self._next
        self._next += 1
        self._waiting[number] = batch
        self._written_ns = self._desk.mono_ns
        for record in batch.records:
            if isinstance(record, OrderChanged):
                self._changed_in[record.client_order_id] = number
        self._desk.emit(Commit(batch=number, records=batch.records))
        return number

    def _keep(self, records: tuple[Record, ...]) -> None:
        assert len(self._backlog) + len(records) <= BACKLOG_MAX, "the journal has been away for too long"
        self._backlog.extend((self._next, record) for record in records)
        self._next += 1

    def _without_newer(self, number: int, records: tuple[Record, ...]) -> list[Record]:
        """Leave out order states that a later batch has already overtaken."""
        return [
            record
            for record in records
            if not isinstance(record, OrderChanged) or self._changed_in.get(record.client_order_id, 0) <= number
        ]

    def forget_order(self, client_order_id: str) -> None:
        """An order that has ended needs no bookkeeping here."""
        self._changed_in.pop(client_order_id, None)
