"""What the simulation has found and what was mended, each as a focused swarm that would find it again."""

import pytest

from vortex.sim.faults import CALM, Swarm
from vortex.sim.house import Mutant
from vortex.sim.oracle import Limits
from vortex.sim.runner import EXIT_BROKEN_PROMISE, Outcome, Run, explain

pytestmark = pytest.mark.sim

SEEDS = range(1, 7)


def play(swarm: Swarm) -> list[Outcome]:
    """Six seeds under one kind of weather, each of which must end well."""
    outcomes = [Run(seed, swarm=swarm, faults_ms=25_000).judge() for seed in SEEDS]
    assert all(outcome.ok for outcome in outcomes), "\n\n".join(explain(each) for each in outcomes if not each.ok)
    return outcomes


def total(outcomes: list[Outcome], what: str) -> int:
    """How often something happened in all of them."""
    return sum(outcome.counts[what] for outcome in outcomes)


def test_an_entry_whose_commit_answer_was_lost_is_written_off_in_the_journal() -> None:
    """The commit was durable, its answer lost; the executor forgot the trade, the journal kept it open for ever."""
    assert total(play(Swarm(journal_answer_loss_per_mille=150)), "fault.journal_answer_loss") > 10


def test_a_failed_intent_leaves_no_orphaned_change_behind() -> None:
    """Canceled while its slow commit was pending, which then failed: the backlog held a change of an order never
    intended, and the journal refused everything after it."""
    outcomes = play(Swarm(journal_outage_every_ms=4_000, journal_slow_per_mille=200))
    assert total(outcomes, "journal.away") > 10


def test_an_order_completed_by_its_journaled_fills_is_journaled_as_filled() -> None:
    """Crash between a fill's commit and its order's: the successor knew the order as filled, and told nobody."""
    assert total(play(Swarm(crash_per_10k=60)), "process.crashed") > 30


def test_a_revived_cancel_is_not_asked_for_without_end() -> None:
    """An order found PENDING_CANCEL after a crash was canceled again and again within one event."""
    outcomes = play(Swarm(crash_per_10k=40, answer_loss_per_mille=120))
    assert total(outcomes, "order.canceled") > 20


def test_fills_read_after_positions_invent_no_position() -> None:
    """A snapshot's position was older than its fills; reconciliation booked the difference as a fill of its own."""
    outcomes = play(Swarm(straggle_per_mille=150, stream_drop_every_ms=3_000, event_straggle_per_mille=200))
    assert total(outcomes, "request.straggled") > 100


def test_a_position_outlives_no_restart_past_its_holding_limit() -> None:
    """Holding limits and entry timeouts were set at the first fill only, so a reborn executor had none."""
    outcomes = play(Swarm(crash_per_10k=25, mail_loss_per_mille=15))
    assert total(outcomes, "restarts") > 20


def test_a_partition_does_not_let_a_zombie_trade() -> None:
    """Stopped processes wake up after their successors have begun; the journal and the window stop them."""
    outcomes = play(Swarm(pause_per_10k=40, zombie_percent=80))
    assert total(outcomes, "process.disowned") > 10
    assert total(outcomes, "journal.fenced") > 0


def test_an_order_of_a_successor_is_no_orphan_while_the_journal_is_away() -> None:
    """A zombie woke without a journal, took its successor's stop for an orphan and canceled it."""
    outcomes = play(Swarm(pause_per_10k=30, zombie_percent=90, journal_outage_every_ms=5_000))
    assert total(outcomes, "process.disowned") > 5


@pytest.mark.parametrize("seed", [22, 108, 188])
def test_a_zombie_that_wakes_without_a_journal_sends_nothing(seed: int) -> None:
    """It signed a target or a stop anew after -1021, seconds after its successor, or had been stopped between the
    decision to close and the request. The journal was away and could fence nobody; the node's page can, and only it."""
    swarm = Swarm(pause_per_10k=30, zombie_percent=90, journal_outage_every_ms=5_000)
    without_page = Run(seed, swarm=swarm, faults_ms=25_000, mutant=Mutant(no_announcement=True)).judge()
    assert without_page.exit_code == EXIT_BROKEN_PROMISE
    outcome = Run(seed, swarm=swarm, faults_ms=25_000).judge()
    assert outcome.ok, explain(outcome)
    assert outcome.counts["process.exited"] > 0
    assert outcome.counts["journal.away"] > 0


def test_reads_that_lag_make_no_position_strange() -> None:
    """Two looks 47 ms apart, both older than a fill, were taken for two proofs of a position that was not there."""
    assert total(play(Swarm(read_lag_ms=400, stream_drop_every_ms=3_000)), "stream.dropped") > 20


def test_a_flatten_adopts_nothing_that_was_just_closed() -> None:
    """An operator's flatten judged a snapshot from before its own close, and adopted a position that was gone."""
    assert total(play(Swarm(operator_every_ms=2_000)), "operator.acted") > 50


def test_a_position_opened_by_hand_is_adopted_and_protected() -> None:
    """Somebody trades the account beside us: the house takes the position over and gives it a stop."""
    outcomes = play(Swarm(stranger_every_ms=5_000))
    assert total(outcomes, "stranger.traded") > 15
    assert max(outcome.unprotected_longest_ms for outcome in outcomes) < Limits().unprotected_ms


def test_a_commit_behind_one_that_failed_is_not_written_alone() -> None:
    """The journal was back between two queued commits: it was told how an order went on before it knew the order."""
    swarm = Swarm(journal_outage_every_ms=1_000, journal_slow_per_mille=500, crash_per_10k=100)
    assert total(play(swarm), "journal.away") > 20


def test_an_order_that_left_without_its_intent_is_taken_back() -> None:
    """A stop or target left while the journal was slow, its sender died, and the successor canceled it as an orphan."""
    outcomes = play(Swarm(journal_slow_per_mille=900, crash_per_10k=100))
    assert total(outcomes, "order.taken_back") > 0


def test_a_kill_outlives_every_breaker() -> None:
    """A kill switch that a breaker has heard stays latched in its successors until a person resumes."""
    outcomes = play(Swarm(operator_every_ms=1_000, crash_per_10k=200))
    assert total(outcomes, "operator.acted") > 50
    assert total(outcomes, "process.crashed") > 50


def test_an_order_that_a_lagging_read_does_not_show_is_not_given_up() -> None:
    """5xx, and a question before the exchange's reads show what it did: taken for absent, its slot was given away."""
    swarm = Swarm(answer_loss_per_mille=60, server_error_per_mille=60, read_lag_ms=480, crash_per_10k=40)
    assert total(play(swarm), "fault.server_error") > 20


def test_a_stop_that_dies_while_the_stream_is_away_is_replaced_soon_after() -> None:
    """It triggered in a gap and its market order expired, unheard. The comparison after the stream left it out for
    being too recent, and the next one was a minute away."""
    swarm = Swarm(
        price_gap_every_ms=1_500,
        stream_drop_every_ms=3_000,
        feed_loss_every_ms=5_000,
        crash_per_10k=20,
        operator_every_ms=2_000,
    )
    outcome = Run(75_056, swarm=swarm, faults_ms=30_000).judge()
    assert outcome.ok, explain(outcome)


def test_calm_weather_needs_no_help() -> None:
    """Without faults nothing restarts, nothing is unprotected, and everything settles at once."""
    outcomes = play(CALM)
    assert total(outcomes, "restarts") == 0
    assert max(outcome.unprotected_longest_ms for outcome in outcomes) < Limits().unprotected_ms
    assert total(outcomes, "trades") > 20


@pytest.mark.parametrize("commit", range(1, 41))
def test_a_crash_after_any_commit_is_survived(commit: int) -> None:
    """Die when the n-th commit has become durable and before anybody knows, for n = 1, 2, 3 and so on."""
    outcome = Run(7, swarm=CALM, faults_ms=12_000, crash_at_commit=commit).judge()
    assert outcome.ok, explain(outcome)
    assert outcome.counts["process.crashed"] == 1


@pytest.mark.parametrize("boundary", range(20, 1_000, 40))
def test_a_crash_at_any_boundary_is_survived(boundary: int) -> None:
    """Die between two events, or between two effects of one event, anywhere in an ordinary run."""
    outcome = Run(8, swarm=CALM, faults_ms=12_000, crash_at=boundary).judge()
    assert outcome.ok, explain(outcome)
    assert outcome.counts["process.crashed"] == 1
