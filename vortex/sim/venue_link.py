"""The way to the exchange and back: requests that are lost, late, refused or answered by silence, and the user stream.

1. Every request gets exactly one outcome. What no answer says in time is unknown, whatever happened.
2. The exchange refuses an order older than its window, by its own clock. One that is so old before it leaves is not
   sent at all, as the real adapter has it: a process may have slept between decision and request.
3. The user stream never reorders messages of one type; while it is broken they are lost, and its reader is told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vortex.domain.effects import ArmDeadMan, QueryOrder, SendCancel, SendOrder, SetLeverage, TakeSnapshot
from vortex.domain.orders import OrderSpec
from vortex.domain.outcomes import (
    BalanceTaken,
    CancelDone,
    CancelRefused,
    CancelUnknown,
    QueryAnswered,
    QueryFailed,
    SendAccepted,
    SendDeferred,
    SendRefused,
    SendUnknown,
    SnapshotFailed,
    SnapshotTaken,
    UserStreamDown,
    UserStreamUp,
    VenueOutcome,
)
from vortex.exchange.refusal import Refusal
from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.sim.exchange import Exchange
from vortex.sim.faults import Swarm
from vortex.sim.network import Link, Network
from vortex.sim.oracle import Oracle
from vortex.sim.process import Process
from vortex.sim.story import Story
from vortex.sim.words import user_word
from vortex.sim.world import World

TIMEOUT_MS = 1_500
"""How long a request waits for its answer before its outcome is unknown."""
STREAM_SILENCE_MS = 300
"""How long a broken stream goes unnoticed."""

Reply = Callable[[VenueOutcome], None]


@dataclass(slots=True)
class Waiting:
    """One request that has no outcome yet."""

    reply: Reply
    unknown: VenueOutcome
    done: bool = False

    def settle(self, outcome: VenueOutcome) -> None:
        """Give the outcome, once."""
        if not self.done:
            self.done = True
            self.reply(outcome)


@dataclass(slots=True)
class VenueLink:
    """One account's line to the exchange, shared by all incarnations of the executor."""

    world: World
    story: Story
    network: Network
    exchange: Exchange
    oracle: Oracle
    swarm: Swarm
    rng: Rng
    reader: Process | None = None
    stream_up: bool = False
    skew_ms: int = 0
    window_ms: int = 1_000
    _hear: Callable[[VenueOutcome], None] | None = None
    _requests: Link = field(init=False)
    _answers: Link = field(init=False)
    _stream: Link = field(init=False)

    def __post_init__(self) -> None:
        weather = self.swarm.request_weather()
        self._requests = self.network.link("house>exchange", weather)
        self._answers = self.network.link("exchange>house", weather)
        self._stream = self.network.link("user-stream", self.swarm.stream_weather(), in_order=True)

    def venue_ms(self) -> int:
        """The exchange's clock as the house believes it to be."""
        return self.world.now_ms + self.skew_ms

    @property
    def clear(self) -> bool:
        """Does nothing stand between us and the exchange?"""
        return self.stream_up and not (self._requests.clogged or self._answers.clogged)

    def clog(self, for_ms: int) -> None:
        """Nothing passes for a while; what is under way arrives afterwards or never."""
        self.story.tell("network", "venue.unreachable", f"for={for_ms}ms")
        self._requests.clog()
        self._answers.clog()
        self.drop_stream(for_ms)
        self.world.after(for_ms * MS, self._unclog)

    def _unclog(self) -> None:
        for link in (self._requests, self._answers):
            if link.clogged:
                link.restore(forget=self.rng.chance(1, 2))

    # --- orders ---------------------------------------------------------------------------------------------

    def send_order(self, process: Process, effect: SendOrder, reply: Reply, *, late: bool) -> None:
        """Put one order on the wire."""
        spec = effect.spec
        name = spec.client_order_id
        age_ms = self.venue_ms() - effect.stamp_ms
        if age_ms > self.window_ms:
            self._defer(name, f"stamp is {age_ms} ms old", reply)
            return
        self.oracle.order_left(spec, process.epoch, late=late)
        if self._strikes("not_sent", self.swarm.not_sent_per_mille):
            self.oracle.order_never_left(name, process.epoch)
            self._defer(name, "connection refused", reply)
            return
        waiting = self._wait(reply, SendUnknown(client_order_id=name, reason="no answer"))
        if self._strikes("request_loss", self.swarm.request_loss_per_mille):
            self.oracle.order_lost(name, process.epoch)
            return
        self._requests.send(
            lambda: self._order_arrives(effect, process.epoch, waiting),
            lost=lambda: self.oracle.order_lost(name, process.epoch),
        )

    def _defer(self, name: str, reason: str, reply: Reply) -> None:
        """It provably never left."""
        deferred = SendDeferred(client_order_id=name, retry_after_ms=100, reason=reason)
        self.world.after(MS, lambda: reply(deferred))

    def _order_arrives(self, effect: SendOrder, epoch: int, waiting: Waiting) -> None:
        spec, name = effect.spec, effect.spec.client_order_id
        try:
            if self._strikes("refuse", self.swarm.refuse_per_mille):
                raise _refusal(spec)
            if self._strikes("server_error", self.swarm.server_error_per_mille // 2):
                self.oracle.order_arrived(spec, epoch, code=0)
                self.story.tell("exchange", "order.dropped", f"{name} 5xx before execution")
                self._answer(waiting, waiting.unknown)
                return
            order = self.exchange.place(spec, effect.stamp_ms, self.window_ms, self.world.now_ms)
        except Refusal as refusal:
            self.story.counts[f"refused.{refusal.code}"] += 1
            self.oracle.order_arrived(spec, epoch, code=refusal.code)
            self.story.tell("exchange", "order.refused", f"{name} {refusal.code}")
            self._answer(waiting, SendRefused(client_order_id=name, code=refusal.code, reason=refusal.message))
            return
        self.oracle.order_arrived(spec, epoch, code=None)
        self.story.tell("exchange", "order.accepted", f"{name} {order.state.value} executed={order.executed_lots}")
        self.flush()
        if self._strikes("server_error", self.swarm.server_error_per_mille):
            self._answer(waiting, SendUnknown(client_order_id=name, reason="5xx"))
            return
        self._answer(waiting, SendAccepted(client_order_id=name, order=order))

    def send_cancel(self, effect: SendCancel, reply: Reply) -> None:
        """Cancel on the wire."""
        name = effect.client_order_id

        def arrives() -> None:
            bare = self.oracle.is_bare(effect.symbol)
            try:
                self.exchange.cancel(name, effect.symbol, self.world.now_ms, is_algo=effect.is_algo)
            except Refusal as refusal:
                self.story.tell("exchange", "cancel.refused", f"{name} {refusal.code}")
                refused = CancelRefused(client_order_id=name, code=refusal.code, reason=refusal.message)
                self._answer(waiting, refused)
                return
            self.story.tell("exchange", "order.canceled", name)
            if not bare:
                self.oracle.stop_canceled(name, effect.symbol)
            self.flush()
            self._answer(waiting, CancelDone(client_order_id=name))

        waiting = self._wait(reply, CancelUnknown(client_order_id=name, reason="no answer"))
        self._request(waiting, arrives)

    # --- reads ----------------------------------------------------------------------------------------------

    def query(self, effect: QueryOrder, reply: Reply) -> None:
        """Ask for one order."""
        name = effect.client_order_id

        def arrives() -> None:
            order = self.exchange.find(name, effect.symbol, is_algo=effect.is_algo)
            fills = self.exchange.fills_of(name)
            self._answer(waiting, QueryAnswered(client_order_id=name, order=order, fills=fills))

        waiting = self._wait(reply, QueryFailed(client_order_id=name, reason="no answer"))
        self._request(waiting, arrives)

    def snapshot(self, effect: TakeSnapshot, reply: Reply) -> None:
        """Orders, positions and balance at three moments, fills after them, as over REST: the world moves between."""
        exchange, symbol, asked = self.exchange, effect.symbol, self.world.clock.mono()
        taken_ms = self.venue_ms()
        parts: dict[str, Any] = {}
        answers: list[None] = []
        waiting = self._wait(reply, SnapshotFailed(token=effect.token, reason="no answer"), reads=2)

        def read(name: str, look: Callable[[], Any], then: Callable[[], None]) -> None:
            def arrives() -> None:
                parts[name] = look()
                self._answers.send(then)

            self._request(waiting, arrives)

        def fills() -> None:
            answers.append(None)
            if len(answers) == 3 and not waiting.done:
                read("fills", lambda: exchange.fills_since(symbol, effect.since_ms), finish)

        def finish() -> None:
            waiting.settle(
                SnapshotTaken(
                    token=effect.token,
                    symbol=symbol,
                    orders=parts["orders"],
                    positions=parts["positions"],
                    balance=parts["balance"],
                    fills=parts["fills"],
                    taken_ms=taken_ms,
                    asked_mono_ns=asked,
                )
            )

        read("orders", lambda: exchange.open_orders(symbol), fills)
        read("positions", lambda: exchange.positions(symbol), fills)
        read("balance", exchange.balance, fills)

    def read_balance(self, token: int, reply: Reply) -> None:
        """The account's figures alone."""
        waiting = self._wait(reply, SnapshotFailed(token=token, reason="no answer"))
        self._request(
            waiting, lambda: self._answer(waiting, BalanceTaken(token=token, balance=self.exchange.balance()))
        )

    def arm_dead_man(self, effect: ArmDeadMan) -> None:
        """Refresh the countdown; nobody waits for the answer."""
        self._forget(lambda now: self.exchange.arm_dead_man(effect.symbol, effect.countdown_ms, now))

    def set_leverage(self, effect: SetLeverage) -> None:
        """Set the leverage; nobody waits for the answer."""
        self._forget(lambda now: self.exchange.set_leverage(effect.symbol, effect.leverage, now))

    def _forget(self, act: Callable[[int], None]) -> None:
        if not self._strikes("request_loss", self.swarm.request_loss_per_mille):
            self._requests.send(lambda: self._act(act))

    def _act(self, act: Callable[[int], None]) -> None:
        try:
            act(self.world.now_ms)
        except Refusal as refusal:
            self.story.counts[f"refused.{refusal.code}"] += 1
        self.flush()

    def _request(self, waiting: Waiting, arrives: Callable[[], None]) -> None:
        """Send a request that is no new order: it too may be lost or fail at the server."""
        if self._strikes("request_loss", self.swarm.request_loss_per_mille):
            return
        if self._strikes("server_error", self.swarm.server_error_per_mille // 2):
            self._requests.send(lambda: self._answer(waiting, waiting.unknown))
            return
        self._requests.send(arrives)

    def _answer(self, waiting: Waiting, outcome: VenueOutcome) -> None:
        if not self._strikes("answer_loss", self.swarm.answer_loss_per_mille):
            self._answers.send(lambda: waiting.settle(outcome))

    def _wait(self, reply: Reply, unknown: VenueOutcome, reads: int = 1) -> Waiting:
        waiting = Waiting(reply, unknown)
        self.world.after(reads * TIMEOUT_MS * MS, lambda: waiting.settle(unknown))
        return waiting

    def _strikes(self, name: str, per_mille: int) -> bool:
        if per_mille and self.rng.chance(per_mille, 1_000):
            self.story.counts[f"fault.{name}"] += 1
            return True
        return False

    # --- user stream ----------------------------------------------------------------------------------------

    def listen(self, process: Process, hear: Callable[[VenueOutcome], None]) -> None:
        """A new executor opens the stream; the one before no longer hears anything."""
        self.reader, self._hear, self.stream_up = process, hear, False
        self.world.after(20 * MS, partial(self._connect, process))

    def drop_stream(self, for_ms: int) -> None:
        """Break the stream; its reader notices after a while, and reconnects later."""
        reader, hear = self.reader, self._hear
        if not self.stream_up or reader is None or hear is None:
            return
        self.stream_up = False
        self.story.tell("user-stream", "stream.dropped", f"for={for_ms}ms")
        self.world.after(min(STREAM_SILENCE_MS, for_ms) * MS, lambda: self._notice(reader))
        self.world.after((STREAM_SILENCE_MS + for_ms) * MS, partial(self._connect, reader))

    def flush(self) -> None:
        """Put what the exchange has to say on the stream."""
        for payload in self.exchange.drain():
            word = user_word(payload, self.exchange.contracts)
            if word is None or not self.stream_up:
                continue
            self._stream.send(partial(self._arrives, self.reader, word), lane=payload["e"])

    def _arrives(self, reader: Process | None, word: VenueOutcome) -> None:
        if reader is self.reader and self.stream_up and self._hear is not None:
            self._hear(word)

    def _notice(self, reader: Process) -> None:
        if reader is self.reader and not self.stream_up and self._hear is not None:
            self._hear(UserStreamDown(reason="connection lost"))

    def _connect(self, reader: Process) -> None:
        if reader is not self.reader or not reader.alive or self._hear is None or self.stream_up:
            return
        if self._requests.clogged:
            self.world.after(200 * MS, partial(self._connect, reader))
            return
        self.stream_up = True
        self._hear(UserStreamUp())


def _refusal(spec: OrderSpec) -> Refusal:
    """A definite no that needs no fault of ours: too many stops, too little margin."""
    return Refusal(-4045 if spec.is_algo else -2019)
