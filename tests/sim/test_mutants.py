"""The oracle is awake: deliberate defects are caught within a few seeds."""

import pytest

from vortex.engine.ledger import Ledger
from vortex.engine.trades import Trades
from vortex.execution import position_acts
from vortex.execution.position import Position
from vortex.sim.faults import Swarm
from vortex.sim.house import Mutant
from vortex.sim.runner import EXIT_BROKEN_PROMISE, EXIT_CRASH, Outcome, Run

pytestmark = pytest.mark.sim

SEEDS_MAX = 10
FENCE_SEEDS_MAX = 60
"""Behind the page the journal's fence is the second one, and matters in one seed of twenty-five."""


def first_caught(mutant: Mutant, swarm: Swarm | None = None) -> Outcome:
    """The first of the first seeds that notices."""
    for seed in range(1, SEEDS_MAX + 1):
        outcome = Run(seed, swarm=swarm, mutant=mutant).judge()
        if outcome.exit_code == EXIT_BROKEN_PROMISE:
            return outcome
    pytest.fail(f"{SEEDS_MAX} seeds did not notice {mutant}")


def test_an_executor_without_a_gate_is_caught() -> None:
    """A permit that always says yes sends an entry under a veto, or past a lapsed lease."""
    assert "promise 6" in first_caught(Mutant(gate_open=True)).message


def test_a_shell_that_sends_before_it_commits_is_caught() -> None:
    """Journal after wire leaves orders that a reborn executor would not know."""
    assert "promise 1" in first_caught(Mutant(journal_after_wire=True)).message


def test_a_journal_that_admits_old_epochs_is_caught() -> None:
    """Nothing of a woken zombie leaves, but what it had decided to write contradicts what its successor wrote: a crash,
    a broken promise, or a house that never settles."""
    swarm = Swarm(pause_per_10k=60, zombie_percent=100)
    seeds = range(1, FENCE_SEEDS_MAX + 1)
    assert any(not Run(seed, swarm=swarm, mutant=Mutant(no_fence=True)).judge().ok for seed in seeds)


def test_a_house_without_any_fence_is_caught_at_once() -> None:
    """Neither journal nor page: a woken zombie and its successor both write, and both send."""
    swarm = Swarm(pause_per_10k=40, zombie_percent=90)
    mutant = Mutant(no_fence=True, no_announcement=True)
    outcomes = [Run(seed, swarm=swarm, mutant=mutant).judge() for seed in range(1, 4)]
    assert all(outcome.exit_code in (EXIT_BROKEN_PROMISE, EXIT_CRASH) for outcome in outcomes)


def test_a_supervisor_that_announces_no_executor_is_caught() -> None:
    """Without a journal nothing else tells a woken executor that it was replaced."""
    swarm = Swarm(pause_per_10k=60, zombie_percent=100, journal_outage_every_ms=3_000)
    assert "promise 3" in first_caught(Mutant(no_announcement=True), swarm).message


def test_a_shell_that_does_not_look_before_each_request_is_caught() -> None:
    """Stopped between decision and request for less than the exchange's window, and replaced meanwhile: what it sends
    is of an old epoch, or of an intent that the journal no longer took."""
    swarm = Swarm(pause_per_10k=150, zombie_percent=100)
    caught = first_caught(Mutant(blind_sender=True), swarm).message
    assert "promise 3" in caught or "promise 1" in caught


def test_a_breaker_that_forgets_a_kill_is_caught() -> None:
    """Its successor lends out what a person has forbidden."""
    swarm = Swarm(operator_every_ms=1_000, crash_per_10k=200)
    caught = first_caught(Mutant(forgetful_breaker=True), swarm)
    assert "under a latched kill switch" in caught.message


def test_a_trade_that_ends_before_its_orders_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left over at the exchange would act on the next trade."""

    def end_at_once(trades: Trades, symbol: str) -> None:
        book = trades.open.get(symbol)
        if book is not None and book.finishing and book.committing < 0:
            book.committing = len(book.fills)
            trades._record_end(book, then=lambda event: trades._closed(book, event))

    monkeypatch.setattr(Trades, "advance_finish", end_at_once)
    assert "stands although its trade is recorded as over" in first_caught(Mutant()).message


def test_an_end_that_is_told_before_it_is_durable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The breaker judges what a crash would undo."""

    def tell_first(ledger: Ledger, records: tuple[object, ...], then: object) -> None:
        ledger.record(*records)  # type: ignore[arg-type]
        then()  # type: ignore[operator]

    monkeypatch.setattr(Ledger, "require", tell_first)
    assert "a lease has judged trade" in first_caught(Mutant()).message


def test_a_canceled_last_stop_is_caught_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quickly another one would follow."""

    def drop_every_stop(position: Position) -> position_acts.Acted:
        effects: list[position_acts.PositionEffect] = []
        for row in position.living_stops():
            position, asked = position_acts.cancel(position, row, "replaced")
            effects += asked
        return position, effects

    monkeypatch.setattr(position_acts, "_drop_older_stops", drop_every_stop)
    assert "we canceled its last stop" in first_caught(Mutant()).message
