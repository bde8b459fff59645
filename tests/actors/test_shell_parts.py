"""The small parts of the shells: timers, the journal's writer, operators' answers, facts for people."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from actors.journal_writer import JournalWriter
from actors.operator import Answers, decode_command, encode_command
from actors.recorder import entry, reference, told, written
from actors.timers import Timers
from vortex.bootstrap import ScaledClock
from vortex.domain.commands import Reconcile
from vortex.domain.effects import Alert, Audit, Commit, DecisionMade
from vortex.domain.envelope import Envelope
from vortex.domain.outcomes import CommitFailed, Committed, TimerFired
from vortex.domain.records import JournalSnapshot, Record
from vortex.domain.signals import Action, Decision, Strategy
from vortex.kernel.clock import SECOND, ManualClock
from vortex.kernel.errors import Fenced, JournalUnavailable, Refused


def test_a_timer_set_again_fires_once_and_a_canceled_one_never() -> None:
    """One key, one pending call."""
    fired: list[str] = []

    async def run() -> None:
        done = asyncio.Event()

        def hear(event: TimerFired) -> None:
            fired.append(event.key)
            if event.key == "last":
                done.set()

        timers = Timers(hear)
        timers.set("a", 60_000)
        timers.set("a", 0)
        timers.set("b", 0)
        timers.cancel("b")
        timers.cancel("never set")
        timers.set("last", 1)
        await done.wait()
        assert len(timers) == 0

    asyncio.run(run())
    assert fired == ["a", "last"]


class Journal:
    """Takes commits, but for the batches that it is told to fail; slow on purpose, so that order matters."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        self._failures = failures
        self.seen = 0

    async def commit(self, epoch: int, records: Sequence[Record]) -> None:
        self.seen += 1
        await asyncio.sleep(0)
        if self.seen in self._failures:
            raise self._failures[self.seen]

    async def load(self, symbols: Sequence[str]) -> JournalSnapshot:
        raise AssertionError("not asked for")


def test_commits_are_answered_one_by_one_in_order() -> None:
    """A failed commit is told with its reason, and the next one is still written."""
    heard: list[Any] = []

    async def run() -> None:
        journal = Journal({2: JournalUnavailable("away"), 3: Fenced("older epoch")})
        writer = JournalWriter(journal, 5, heard.append)
        task = asyncio.create_task(writer.run())
        for batch in (1, 2, 3, 4):
            writer.put(Commit(batch=batch, records=()))
            await writer.drain(5)
        task.cancel()

    asyncio.run(run())
    assert heard == [
        Committed(batch=1),
        CommitFailed(batch=2, fenced=False, reason="away"),
        CommitFailed(batch=3, fenced=True, reason="older epoch"),
        Committed(batch=4),
    ]


def test_what_waits_behind_a_failed_commit_fails_with_it() -> None:
    """Written on its own it would say how an order went on that the journal does not know; what comes later is
    written."""
    heard: list[Any] = []

    async def run() -> Journal:
        journal = Journal({2: JournalUnavailable("away")})

        def hear(outcome: Any) -> None:
            heard.append((type(outcome), outcome.batch))
            if outcome == CommitFailed(batch=2, fenced=False, reason="away"):
                writer.put(Commit(batch=5, records=()))  # the engine's second try

        writer = JournalWriter(journal, 5, hear)
        task = asyncio.create_task(writer.run())
        for batch in (1, 2, 3, 4):
            writer.put(Commit(batch=batch, records=()))
        await writer.drain(5)
        task.cancel()
        return journal

    assert asyncio.run(run()).seen == 3
    assert heard == [(Committed, 1), (CommitFailed, 2), (CommitFailed, 3), (CommitFailed, 4), (Committed, 5)]


def test_an_answer_reaches_whoever_asked() -> None:
    """By request id; an answer that nobody waits for is dropped."""

    async def run() -> str:
        answers = Answers()
        waiting = asyncio.ensure_future(answers.wait("mine"))
        await asyncio.sleep(0)
        answers.give("somebody else's", "{}")
        answers.give("mine", '{"flat": true}')
        return await waiting

    assert asyncio.run(run()) == '{"flat": true}'


def test_only_operators_commands_are_commands() -> None:
    """Anything else on that door is refused, not crashed on."""
    command = Reconcile(request_id="r", symbol="BTCUSDT")
    assert decode_command(encode_command(command)) == command
    with pytest.raises(Refused, match="not an operator's command"):
        decode_command(b"\x93nonsense")


def test_facts_are_kept_with_who_said_them() -> None:
    """The audit log knows role, epoch and cause; the screen gets one short line."""
    letter = Envelope(
        sender="executor",
        epoch=4,
        session="s",
        seq=1,
        cause="t9",
        body=Audit(kind="trade.closed", detail={"pnl_net": "0E-8", "score": 0.123456789}),
    )
    fact = entry(letter.body, letter, 61_000)  # type: ignore[arg-type]
    assert (fact.who, fact.epoch, fact.detail["cause"]) == ("executor", 4, "t9")
    assert told(fact) == "00:01:01 executor trade.closed cause=t9 pnl_net=0 score=0.1235"
    alert = entry(Alert(level="critical", text="look"), letter, 0)
    assert (alert.kind, alert.detail["text"]) == ("alert", "look")


def test_a_scaled_clock_runs_at_the_exchanges_pace() -> None:
    """Ten times as fast from the moment it was made, stamps and durations alike."""
    base = ManualClock(100 * SECOND)
    fast = ScaledClock(base, 10.0)
    base.advance(2 * SECOND)
    assert (fast.unix(), fast.mono()) == (120 * SECOND, 120 * SECOND)


def test_a_decision_leaves_a_reference_in_the_log_and_no_second_copy_of_its_inputs() -> None:
    """Who, which trade, and by what to find its row."""
    decision = Decision(
        symbol="BTCUSDT",
        ts_ms=5_000,
        action=Action.LONG,
        strategy=Strategy.MOMENTUM_RIDE,
        confidence=80.0,
        final_score=0.7,
        engines_agree=4,
        failed=(),
        reason="because",
    )
    made = DecisionMade(decision=decision, trade_no=9)
    envelope = Envelope(sender="symbol:BTCUSDT", epoch=3, session="s", seq=1, body=made)
    kept = entry(made, envelope, 6_000)
    assert (kept.kind, kept.who, kept.epoch, kept.detail) == ("decision.made", "symbol:BTCUSDT", 3, reference(made))
    assert {"symbol": "BTCUSDT", "decided_ms": 5_000, "trade_no": 9, "reason": "because"}.items() <= kept.detail.items()
    assert "signals" not in kept.detail
    assert "trade_no=9" in told(kept)
    assert written(made, envelope, 6_000) == [made, kept]
    refused = DecisionMade(decision=msgspec.structs.replace(decision, action=Action.NO_TRADE, failed=("A.confirm",)))
    assert written(refused, envelope, 6_000) == [refused], "a no has its row, and nothing for the log to explain"
