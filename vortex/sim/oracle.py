"""The judge: ten promises, checked after every event from the wire, the journal and the exchange's own books.

It believes no engine. What it knows, it saw: requests as they left a process and as they arrived, commits as they
became durable, leases as they were published, fills as the exchange booked them.
"""

from dataclasses import dataclass, field
from itertools import islice

from vortex.domain.lease import Lease
from vortex.domain.orders import OrderSpec
from vortex.exchange.account import Account
from vortex.exchange.orders import Fill
from vortex.kernel.clock import MS
from vortex.sim.journal import SimJournal
from vortex.sim.world import World

PROMISES = {
    1: "no order on the wire without a journaled intent",
    2: "client order ids never repeat",
    3: "only the newest epoch's orders pass",
    4: "reduce-only never increases exposure",
    5: "exposure and open positions never exceed their limits, orders in flight counted",
    6: "after a veto, no opening order is sent",
    7: "sum of fills = position = the exchange's",
    8: "cash plus position value is conserved, fees and funding included",
    9: "every open position has a working stop, but for a bounded, measured time",
    10: "after faults heal, everything settles in bounded time",
}

TOO_OLD = frozenset({-1021, -5028})
"""Refused for its timestamp: nothing happened, the same id may be sent again."""


class PromiseBroken(Exception):
    """One of the ten; the message says which, where, and what was seen."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"promise {number} broken ({PROMISES[number]}): {what}")
        self.number = number


@dataclass(frozen=True, slots=True)
class Limits:
    """What the trader promised to keep. Times in ms."""

    positions_max: int = 2
    window_ms: int = 1_000
    """A request older than this is refused by the exchange (recvWindow)."""
    journal_ms: int = 2_000
    """How long after a refused, slow or unanswered commit the trader may think that the journal is away."""
    clock_ms: int = 250
    """How wrong the exchange's clock may be in our eyes; widens every bound on time."""
    adopted_ms: int = 15_000
    """The same for a position that somebody else opened: it must be noticed, looked at twice, adopted."""
    unprotected_ms: int = 2_000
    """Bound on a position without a working stop while nothing hinders the executor."""


@dataclass(slots=True)
class WireOrder:
    """One order request on its way."""

    spec: OrderSpec
    epoch: int
    journaled: bool
    """False for a reduction that left while the journal was away: a successor cannot know of it, and may repeat it."""
    open_question: bool = True
    """False once it provably did nothing: it never left, or it was refused for its age alone."""


@dataclass(slots=True)
class Oracle:
    """Independent bookkeeping of one run."""

    world: World
    journal: SimJournal
    account: Account
    limits: Limits
    lease: Lease | None = None
    vetoed_ns: int | None = None
    """Since when the published lease forbids entries; None while it allows them."""
    killed: bool = False
    """A person has latched the kill switch, a breaker has heard it to the end, and nobody has resumed."""
    checks: int = 0
    unprotected_longest_ms: int = 0
    unjournaled: int = 0
    aligned: int = 0
    """Fills of our own making, booked to agree with the exchange's position; none may be left in the end."""
    wire: dict[str, list[WireOrder]] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    accepted_epochs: dict[str, int] = field(default_factory=dict)
    """Newest executor epoch whose opening order each symbol's exchange accepted."""
    epoch_taken_ns: dict[int, int] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    """Symbols in which somebody else traded, until they are flat: not our doing, but ours to protect."""
    hindered: bool = False
    """Something stands between the executor and the exchange: time without a stop is not its fault."""
    _flying: dict[tuple[str, int], WireOrder] = field(default_factory=dict)
    """Requests on their way, by id and by the epoch that sent them."""
    _fills_seen: int = 0
    _journal_seen: int = 0
    _closed_seen: int = 0
    _lots: dict[str, int] = field(default_factory=dict)
    _fills: dict[tuple[str, int], Fill] = field(default_factory=dict)
    _bare_ns: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Symbol → time without a working stop: all of it, and what counts against the executor."""
    _seen: tuple[int, ...] = ()
    _looked_ns: int = 0

    # What it is told, in the order of an order's life.

    def epoch_taken(self, epoch: int) -> None:
        """A new executor took its epoch."""
        self.epoch_taken_ns[epoch] = self.world.now_ns

    def stranger_traded(self, symbol: str) -> None:
        """Somebody else trades this symbol on our account."""
        self.strangers.add(symbol)

    def lease_published(self, lease: Lease) -> None:
        """The breaker's lease as of now, as the executor's gate can read it."""
        recorded = max((trade.close_seq for trade in self.journal.closed), default=0)
        if lease.judged_through > recorded:
            raise PromiseBroken(6, f"a lease has judged trade {lease.judged_through}, the last recorded is {recorded}")
        if lease.allows and self.killed:
            raise PromiseBroken(6, f"a lease of epoch {lease.epoch} allows entries under a latched kill switch")
        self.lease = lease
        if lease.allows:
            self.vetoed_ns = None
        elif self.vetoed_ns is None:
            self.vetoed_ns = self.world.now_ns

    def order_left(self, spec: OrderSpec, epoch: int, *, late: bool) -> None:
        """An order request leaves a process; `late` when the process was paused since it decided to send."""
        name = spec.client_order_id
        self._check_replaced(spec, epoch)
        journaled = self.journal.has_intent(spec)
        if not journaled:
            self._check_unjournaled(spec)
        before = self.wire.setdefault(name, [])
        known = [one for one in before if (one.journaled and journaled) or one.epoch == epoch]
        if any(one.open_question for one in known):
            raise PromiseBroken(2, f"{name} was sent again after an answer that does not rule it out")
        if any(one.spec != spec for one in known):
            raise PromiseBroken(2, f"{name} names two different orders")
        if spec.opens:
            if not late:
                self._check_veto(spec)
            self._check_slots(spec)
        sent = WireOrder(spec, epoch, journaled)
        before.append(sent)
        self._flying[name, epoch] = sent

    def order_never_left(self, client_order_id: str, epoch: int) -> None:
        """The send provably did not happen."""
        self._flying.pop((client_order_id, epoch)).open_question = False

    def order_lost(self, client_order_id: str, epoch: int) -> None:
        """The network lost it for good; its sender must go on wondering."""
        del self._flying[client_order_id, epoch]

    def order_arrived(self, spec: OrderSpec, epoch: int, *, code: int | None) -> None:
        """The exchange has judged an order request: taken (None), refused with a code, or dropped (0)."""
        name = spec.client_order_id
        sent = self._flying.pop((name, epoch))
        if code is not None:
            sent.open_question = code not in TOO_OLD
            return
        self.accepted[name] = self.accepted.get(name, 0) + 1
        if self.accepted[name] > 1 and all(one.journaled for one in self.wire[name]):
            raise PromiseBroken(2, f"the exchange took {name} twice")
        self._check_epoch(spec, epoch)
        if spec.opens:
            self._check_late_veto(spec)

    def stop_canceled(self, client_order_id: str, symbol: str) -> None:
        """A cancel of ours was carried out on a symbol that was protected: it must be so still."""
        if self.is_bare(symbol):
            raise PromiseBroken(9, f"{symbol} holds a position, and we canceled its last stop {client_order_id}")

    def after_event(self) -> None:
        """Look at everything that may have changed."""
        self.checks += 1
        account = self.account
        seen = (len(account.fills), len(account.orders_by_id), len(account.open_orders), len(self.journal.trades))
        if seen != self._seen:
            self._seen = seen
            self._check_fills()
            self._check_exposure()
        self._check_journal_fills()
        self._check_leftovers()
        self._check_stops()

    # The promises, in their order.

    def _check_unjournaled(self, spec: OrderSpec) -> None:
        """Only a reduction may leave without a durable intent, and only while the journal is in trouble (ADR 0007)."""
        since_ms = (self.world.now_ns - self.journal.trouble_ns) // MS
        if spec.opens or (self.journal.available and since_ms > self.limits.journal_ms):
            raise PromiseBroken(1, f"{spec.client_order_id} left without a durable intent")
        self.unjournaled += 1

    def _check_replaced(self, spec: OrderSpec, epoch: int) -> None:
        """The node's page shows a successor at once: nothing leaves a process that was replaced, journal or not."""
        newest = max(self.epoch_taken_ns, default=epoch)
        if epoch < newest:
            raise PromiseBroken(3, f"{spec.client_order_id} left epoch {epoch} although {newest} was announced")

    def _check_epoch(self, spec: OrderSpec, epoch: int) -> None:
        successor = self.epoch_taken_ns.get(epoch + 1)
        limits = self.limits
        if successor is not None:
            late_ms = (self.world.now_ns - successor) // MS
            if late_ms > limits.window_ms + limits.clock_ms:
                raise PromiseBroken(
                    3, f"{spec.client_order_id} of epoch {epoch} passed {late_ms} ms after its successor"
                )
        if not spec.opens:
            return  # a stop of the predecessor may still arrive within its window, and is welcome
        newest = self.accepted_epochs.get(spec.symbol, 0)
        if epoch < newest:
            raise PromiseBroken(3, f"{spec.client_order_id} of epoch {epoch} passed after one of epoch {newest}")
        self.accepted_epochs[spec.symbol] = epoch

    def _check_fills(self) -> None:
        """Promises 4, 7 and 8 change only with fills and money."""
        fills = self.account.fills
        fresh = len(fills) - self._fills_seen
        if not fresh:
            return
        for fill in islice(fills, self._fills_seen, None):
            order = fill.order
            before = self._lots.get(order.symbol, 0)
            after = before + (fill.lots if fill.buyer else -fill.lots)
            self._lots[order.symbol] = after
            self._fills[(order.symbol, fill.trade_id)] = fill
            if (order.reduce_only or order.close_position) and (abs(after) >= abs(before) or after * before < 0):
                raise PromiseBroken(4, f"{order.client_id} took {order.symbol} from {before} to {after} lots")
        self._fills_seen = len(fills)
        for symbol, lots in self._lots.items():
            held = self.account.held_lots(symbol, "BOTH")
            if held != lots:
                raise PromiseBroken(7, f"{symbol}: fills sum to {lots}, the exchange holds {held}")
        errors = {asset: error for asset, error in self.account.conservation_error().items() if error}
        if errors:
            raise PromiseBroken(8, f"money appeared or vanished: {errors}")

    def _check_journal_fills(self) -> None:
        """What we record must have happened, exactly so."""
        kept = self.journal.fills
        if len(kept) == self._journal_seen:
            return
        for key, record in islice(kept.items(), self._journal_seen, None):
            theirs, ours = self._fills.get(key), record.fill
            if ours.venue_trade_id < 0:
                self.aligned += 1
                continue
            if theirs is None:
                raise PromiseBroken(7, f"we recorded fill {key}, which the exchange never made")
            same = (theirs.lots, theirs.px, theirs.buyer, theirs.maker) == (
                ours.qty_lots,
                ours.px_ticks,
                ours.side.sign > 0,
                ours.is_maker,
            )
            if not same:
                raise PromiseBroken(7, f"we recorded fill {key} otherwise than it was: {ours}")
        self._journal_seen = len(kept)

    def _check_leftovers(self) -> None:
        """As a trade's end becomes durable, no journaled order of it stands at the exchange: nobody looks after it,
        and it would act on what comes next. One that left without the journal is taken back when it is seen."""
        closed = self.journal.closed
        if len(closed) == self._closed_seen:
            return
        ended = {(trade.symbol, trade.trade_no) for trade in closed[self._closed_seen :]}
        self._closed_seen = len(closed)
        standing = [order.client_id for order in self.account.open_orders.values()]
        standing += [algo.client_id for algo in self.account.open_algos.values()]
        for name in standing:
            kept = self.journal.orders.get(name)
            if kept is not None and (kept.spec.symbol, kept.spec.trade_no) in ended:
                raise PromiseBroken(10, f"{name} stands although its trade is recorded as over")

    def _check_exposure(self) -> None:
        """At the exchange: how many symbols carry or invite risk, and how much each could come to hold."""
        busy = self._busy_symbols() - self.strangers
        if len(busy) > self.limits.positions_max:
            raise PromiseBroken(5, f"{sorted(busy)} are open or being opened, {self.limits.positions_max} may be")
        for symbol in sorted(busy):
            held = self.account.held_lots(symbol, "BOTH")
            bids, asks = self._opening_lots(symbol)
            most = self._largest_plan(symbol)
            if max(abs(held + bids), abs(held - asks)) > most:
                raise PromiseBroken(5, f"{symbol} holds {held}, opens +{bids} -{asks}, planned {most} lots at most")

    def _check_slots(self, spec: OrderSpec) -> None:
        """As an entry leaves: with everything that is under way, are there slots for it?"""
        busy = (self._busy_symbols() - self.strangers) | {spec.symbol}
        newest = max(self.epoch_taken_ns, default=0)
        busy |= {sent.spec.symbol for sent in self._flying.values() if sent.spec.opens and sent.epoch == newest}
        if len(busy) > self.limits.positions_max:
            raise PromiseBroken(5, f"{spec.client_order_id} left while {sorted(busy)} were open or being opened")

    def _check_veto(self, spec: OrderSpec) -> None:
        lease = self.lease
        if lease is None:
            raise PromiseBroken(6, f"{spec.client_order_id} left before any lease")
        if not lease.allows:
            raise PromiseBroken(6, f"{spec.client_order_id} left under a veto: {', '.join(lease.reasons)}")
        overdue = self.world.clock.mono() - lease.expires_mono_ns
        if overdue > 0:
            raise PromiseBroken(6, f"{spec.client_order_id} left {overdue // MS} ms after the lease had lapsed")
        closed = max((trade.close_seq for trade in self.journal.closed), default=0)
        if lease.judged_through < closed:
            raise PromiseBroken(
                6, f"{spec.client_order_id} left when trade {closed} was closed and {lease.judged_through} judged"
            )

    def _check_late_veto(self, spec: OrderSpec) -> None:
        """Even a process that was stopped between gate and send cannot open anything long after a veto."""
        if self.vetoed_ns is None:
            return
        late_ms = (self.world.now_ns - self.vetoed_ns) // MS
        if late_ms > self.limits.window_ms + self.limits.clock_ms:
            raise PromiseBroken(6, f"{spec.client_order_id} opened {late_ms} ms after a veto")

    def _check_stops(self) -> None:
        """Time without a working stop; while something hinders the executor it is measured but not charged."""
        now = self.world.now_ns
        passed, self._looked_ns = now - (self._looked_ns or now), now
        for symbol, lots in self._lots.items():
            if lots == 0 or self.is_protected(symbol, lots):
                self._bare_ns.pop(symbol, None)
                if lots == 0:
                    self.strangers.discard(symbol)
                continue
            total, charged = self._bare_ns.get(symbol, (0, 0))
            total += passed
            charged += 0 if self.hindered else passed
            self._bare_ns[symbol] = (total, charged)
            self.unprotected_longest_ms = max(self.unprotected_longest_ms, total // MS)
            bound_ms = self.limits.adopted_ms if symbol in self.strangers else self.limits.unprotected_ms
            if charged > bound_ms * MS:
                raise PromiseBroken(9, f"{symbol} holds {lots} lots without a working stop for {total // MS} ms")

    # Readings of the exchange's own books.

    def is_bare(self, symbol: str) -> bool:
        """Is something held without a working stop?"""
        lots = self.account.held_lots(symbol, "BOTH")
        return lots != 0 and not self.is_protected(symbol, lots)

    def is_protected(self, symbol: str, lots: int) -> bool:
        """Does a working stop close this position? A triggered one still works until its child has ended."""
        for algo in self.account.open_algos.values():
            if (
                algo.symbol == symbol
                and algo.is_stop
                and algo.side * lots < 0
                and (algo.close_position or algo.lots >= abs(lots))
            ):
                return True
        return False

    def _busy_symbols(self) -> set[str]:
        busy = {position.instrument.symbol for position in self.account.held()}
        for order in self.account.open_orders.values():
            if not (order.reduce_only or order.close_position):
                busy.add(order.symbol)
        return busy

    def _opening_lots(self, symbol: str) -> tuple[int, int]:
        bids = asks = 0
        for order in self.account.open_orders.values():
            if order.symbol == symbol and not (order.reduce_only or order.close_position):
                if order.side > 0:
                    bids += order.left
                else:
                    asks += order.left
        return bids, asks

    def _largest_plan(self, symbol: str) -> int:
        """The larger of the last two plans: the one before may still be on its way out."""
        return max((plan.qty_lots for plan in self.journal.plans.get(symbol, ())[-2:]), default=0)
