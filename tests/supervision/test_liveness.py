"""Judging silence: stopped, spinning, blocked and starved are told apart; nobody is blamed for the judge's pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.clock import MS
from vortex.supervision.liveness import Liveness, ProcessState, Sample, Verdict
from vortex.supervision.spec import HeartbeatLimits

LIMITS = HeartbeatLimits()
SWEEP_MS = 30


def silence(
    state: ProcessState,
    *,
    cpu_share: float = 0.0,
    limit_ms: int = 30_000,
    warming: bool = False,
    sweep_ms: int = SWEEP_MS,
) -> tuple[Verdict, int, str]:
    """Stop beating at 0 in this state; the first deadly verdict and its time, or the last verdict."""
    liveness = Liveness(LIMITS)
    judgement = None
    for now_ms in range(0, limit_ms, sweep_ms):
        now_ns = now_ms * MS
        if liveness.fresh(now_ns, 0):
            continue
        judgement = liveness.judge(Sample(now_ns, 0, int(now_ns * cpu_share), state, warming))
        if judgement.must_die:
            return judgement.verdict, now_ms, judgement.why
    assert judgement is not None
    return judgement.verdict, limit_ms, judgement.why


def test_a_stopped_process_is_seen_within_a_fifth_of_a_second() -> None:
    """State T at two looks and 120 ms without a beat."""
    verdict, at_ms, _ = silence(ProcessState.STOPPED)
    assert verdict is Verdict.STOPPED
    assert at_ms <= 180


def test_a_spinning_loop_is_seen_by_the_cpu_it_burns() -> None:
    """200 ms of its thread's CPU without a beat."""
    verdict, at_ms, why = silence(ProcessState.RUNNABLE, cpu_share=1.0)
    assert (verdict, why.split(":")[0]) == (Verdict.HUNG, "busy loop")
    assert 200 <= at_ms <= 400


def test_a_blocked_loop_is_seen_after_a_second_asleep() -> None:
    """Asleep all the while."""
    verdict, at_ms, why = silence(ProcessState.ASLEEP)
    assert (verdict, why.split(":")[0]) == (Verdict.HUNG, "blocked")
    assert 1_000 <= at_ms <= 1_200


def test_a_starved_process_is_suspected_for_five_seconds_before_it_is_replaced() -> None:
    """Runnable without CPU is the machine's fault: alert early, act late."""
    liveness = Liveness(LIMITS)
    alerts, died_ms = [], 0
    for now_ms in range(90, 8_000, SWEEP_MS):
        if liveness.fresh(now_ms * MS, 0):
            continue
        judgement = liveness.judge(Sample(now_ms * MS, 0, 0, ProcessState.RUNNABLE))
        if judgement.starved:
            alerts.append(now_ms)
        if judgement.must_die:
            died_ms = now_ms
            break
    assert 1_000 <= alerts[0] <= 1_200
    assert 5_000 <= died_ms <= 5_200


@pytest.mark.parametrize("state", [ProcessState.RUNNABLE, ProcessState.ASLEEP])
def test_a_child_that_comes_up_may_take_long_turns(state: ProcessState) -> None:
    """Imports and loading are not hangs; SIGSTOP is one even then."""
    share = 1.0 if state is ProcessState.RUNNABLE else 0.0
    verdict, _, _ = silence(state, cpu_share=share, warming=True, limit_ms=3_000)
    assert verdict is Verdict.SUSPECT
    assert silence(ProcessState.STOPPED, warming=True)[0] is Verdict.STOPPED


@given(st.lists(st.integers(1, 95), min_size=1, max_size=200), st.sampled_from(list(ProcessState)[:4]))
def test_who_beats_in_time_is_never_suspected(gaps_ms: list[int], state: ProcessState) -> None:
    """Whatever /proc says: a fresh beat is life."""
    liveness = Liveness(LIMITS)
    now_ns = beat_ns = 0
    for gap in gaps_ms:
        now_ns += gap * MS
        judgement = liveness.judge(Sample(now_ns, beat_ns, now_ns, state))
        assert judgement.verdict is Verdict.ALIVE
        beat_ns = now_ns


@given(st.integers(1_000, 600_000))
def test_the_judges_own_pause_condemns_nobody(pause_ms: int) -> None:
    """After a frozen machine thaws, one look at an old beat is not evidence."""
    liveness = Liveness(LIMITS)
    liveness.judge(Sample(0, 0, 0, ProcessState.ASLEEP))
    judgement = liveness.judge(Sample(pause_ms * MS, 0, 0, ProcessState.ASLEEP))
    assert not judgement.must_die


def test_a_beat_clears_all_suspicion() -> None:
    """What happened before the newest beat is forgotten."""
    liveness = Liveness(LIMITS)
    for now_ms in range(100, 1_000, SWEEP_MS):
        liveness.judge(Sample(now_ms * MS, 0, 0, ProcessState.ASLEEP))
    assert liveness.judge(Sample(1_000 * MS, 990 * MS, 0, ProcessState.ASLEEP)).verdict is Verdict.ALIVE
    assert liveness.judge(Sample(1_200 * MS, 990 * MS, 0, ProcessState.ASLEEP)).verdict is Verdict.SUSPECT


def test_the_gone_are_gone() -> None:
    """No state, no doubt."""
    assert Liveness(LIMITS).judge(Sample(0, 0, 0, ProcessState.GONE)).verdict is Verdict.GONE
