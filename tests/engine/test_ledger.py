"""Journal before wire: order, loss, patience, and facts that are never given up (promise 1)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.effects import Commit, Exit, SetTimer
from vortex.domain.orders import OrderState
from vortex.domain.outcomes import CommitFailed, Committed
from vortex.domain.records import OrderChanged
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS, ManualClock


def changed(key: str, executed: int = 0) -> OrderChanged:
    return OrderChanged(
        client_order_id=key, state=OrderState.ACCEPTED, executed_lots=executed, venue_order_id=1, ts_ms=1
    )


class Room:
    """A ledger and what it has asked for."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.desk = Desk(
            epoch=1,
            clock=clock or ManualClock(),
            settings=ExecutionSettings(),
            instruments={},
            fee_rates={},
            venue_ms=None,
        )
        self.ledger = Ledger(self.desk)
        self.ran: list[str] = []
        self.effects: list[Any] = []

    def commits(self) -> list[Commit]:
        self.ledger.flush()
        self.effects += self.desk.drain()
        return [effect for effect in self.effects if isinstance(effect, Commit)]

    def fail(self, batch: int, fenced: bool = False) -> None:
        self.ledger.failed(CommitFailed(batch=batch, fenced=fenced, reason="down"))

    def done(self, name: str) -> Any:
        return lambda *_: self.ran.append(name)


def test_facts_of_one_event_are_one_batch() -> None:
    """All or nothing."""
    room = Room()
    room.ledger.record(changed("a"))
    room.ledger.record(changed("b"))
    [commit] = room.commits()
    assert [record.client_order_id for record in commit.records] == ["a", "b"]


def test_an_intent_waits_for_its_commit() -> None:
    """Then, and only then."""
    room = Room()
    room.ledger.gate((changed("a"),), room.done("sent"), room.done("lost"))
    [commit] = room.commits()
    assert room.ran == []
    room.ledger.committed(Committed(batch=commit.batch))
    assert room.ran == ["sent"]


def test_a_lost_intent_is_never_sent_but_is_said_again() -> None:
    """A commit that failed may be durable all the same."""
    room = Room()
    room.ledger.gate((changed("a"),), room.done("sent"), room.done("lost"))
    room.fail(room.commits()[0].batch)
    assert room.ran == ["lost"]
    assert not room.ledger.available
    room.ledger.timer("journal")
    retry = room.commits()[-1]
    assert retry.records == (changed("a"),)
    room.ledger.committed(Committed(batch=retry.batch))
    assert room.ran == ["lost"]
    assert room.ledger.available


def test_a_reduction_leaves_when_the_journal_fails_or_dawdles() -> None:
    """Reducing risk is always allowed."""
    room = Room()
    room.ledger.insist((changed("a"),), room.done("first"))
    batch = room.commits()[0].batch
    assert any(isinstance(effect, SetTimer) and effect.key == f"patience/{batch}" for effect in room.effects)
    room.ledger.timer(f"patience/{batch}")
    assert room.ran == ["first"]
    room.fail(batch)
    assert room.ran == ["first"], "once"
    room.ledger.insist((changed("b"),), room.done("second"))
    assert room.ran == ["first"], "the journal is asked once more"
    room.fail(room.commits()[-1].batch)
    assert room.ran == ["first", "second"]


def test_a_paused_executor_is_fenced_before_it_reduces_what_is_no_longer_its_own() -> None:
    """The journal it believes to be away is back, and a newer executor lives."""
    room = Room()
    room.ledger.record(changed("a"))
    room.fail(room.commits()[0].batch)
    room.ledger.insist((changed("b"),), room.done("reduced"))
    room.fail(room.commits()[-1].batch, fenced=True)
    assert room.ran == []
    assert room.ledger.fenced


def test_a_journal_that_does_not_even_fail_holds_no_reduction_for_long() -> None:
    """Patience ends while the retry hangs."""
    room = Room()
    room.ledger.record(changed("a"))
    room.fail(room.commits()[0].batch)
    room.ledger.timer("journal")
    hanging = room.commits()[-1].batch
    room.ledger.insist((changed("b"),), room.done("reduced"))
    room.ledger.timer(f"patience/{hanging}")
    assert room.ran == ["reduced"]


def test_what_waits_for_facts_waits_as_long_as_it_takes() -> None:
    """A trade's end is told when it is durable."""
    room = Room()
    room.ledger.require((changed("a"),), room.done("told"))
    room.fail(room.commits()[0].batch)
    assert room.ran == []
    room.ledger.timer("journal")
    room.ledger.committed(Committed(batch=room.commits()[-1].batch))
    assert room.ran == ["told"]


def test_an_overtaken_state_is_not_said_again() -> None:
    """A later batch has already said more."""
    room = Room()
    room.ledger.record(changed("a", 1))
    first = room.commits()[-1]
    room.ledger.record(changed("a", 2))
    second = room.commits()[-1]
    room.fail(first.batch)
    room.ledger.committed(Committed(batch=second.batch))
    assert room.ledger.backlog == 0


def test_a_fenced_writer_ends() -> None:
    """A newer executor lives."""
    room = Room()
    room.ledger.record(changed("a"))
    room.fail(room.commits()[0].batch, fenced=True)
    room.commits()
    assert any(isinstance(effect, Exit) for effect in room.effects)
    assert room.ledger.fenced


@pytest.mark.property
@given(st.lists(st.sampled_from(["record", "fail", "commit", "retry"]), max_size=40))
def test_every_fact_becomes_durable_once_the_journal_is_back(story: list[str]) -> None:
    """And in the order in which it was said."""
    room, waiting, durable, said, seen = Room(), [], [], 0, 0

    def take() -> None:
        nonlocal seen
        commits = room.commits()
        waiting.extend(commits[seen:])
        seen = len(commits)

    def answer(ok: bool) -> None:
        commit = waiting.pop(0)
        if ok:
            durable.extend(int(record.client_order_id) for record in commit.records)
            room.ledger.committed(Committed(batch=commit.batch))
        else:
            room.fail(commit.batch)

    for step in story:
        if step == "record":
            said += 1
            room.ledger.record(changed(str(said)))
        elif step == "retry":
            room.ledger.timer("journal")
        elif waiting:
            answer(step == "commit")
        take()
    for _ in range(100):
        take()
        if waiting:
            answer(ok=True)
        else:
            room.ledger.timer("journal")
    assert set(durable) == set(range(1, said + 1))
    assert room.ledger.backlog == 0
    assert room.ledger.available


def test_patience_that_ran_out_while_we_were_stopped_is_given_once_more() -> None:
    """The journal's answer may be waiting behind the late timer, and it may be that a newer executor lives."""
    clock = ManualClock()
    room = Room(clock)
    room.ledger.insist((changed("a"),), room.done("reduced"))
    batch = room.commits()[0].batch
    clock.advance(2_000 * MS)
    room.ledger.timer(f"patience/{batch}")
    assert room.ran == []
    clock.advance(500 * MS)
    room.ledger.timer(f"patience/{batch}")
    assert room.ran == ["reduced"]
