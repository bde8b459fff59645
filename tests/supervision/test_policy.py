"""Laws of the small policies: backoff stays within bounds, windows slide, the house's specs say what the page says."""

from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.clock import MS
from vortex.kernel.rng import Rng
from vortex.supervision.policy import Patience, Window, affected, comes_back
from vortex.supervision.spec import Backoff, ExitReason, Intensity, Restart, Strategy, TreePlan, house


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_backoff_grows_to_its_maximum_and_never_beyond(seed: int, failures: int) -> None:
    """Free at first, then doubling, at most a fifth beyond 30 s."""
    patience = Patience(Backoff(), Rng(seed))
    waits = [patience.next_delay_ms(0) for _ in range(failures)]
    assert waits[0] == 0
    assert all(200 <= wait <= 36_000 for wait in waits[1:])


@given(st.lists(st.integers(0, 2_000), max_size=60), st.integers(0, 5), st.integers(1, 3_000))
def test_a_window_never_admits_more_than_its_intensity(gaps_ms: list[int], restarts: int, period_ms: int) -> None:
    """However the restarts fall."""
    window, now_ms, admitted = Window(Intensity(restarts, period_ms)), 0, list[int]()
    for gap in gaps_ms:
        now_ms += gap
        if window.admit(now_ms * MS):
            admitted.append(now_ms)
    for first in admitted:
        assert sum(first <= t <= first + period_ms for t in admitted) <= restarts


def test_restart_types_answer_as_otp_does() -> None:
    """permanent always, transient after an abnormal end, temporary never."""
    abnormal = {ExitReason.CRASHED, ExitReason.LOST}
    for reason in ExitReason:
        assert comes_back(Restart.PERMANENT, reason)
        assert comes_back(Restart.TRANSIENT, reason) is (reason in abnormal)
        assert not comes_back(Restart.TEMPORARY, reason)


def test_strategies_take_the_right_siblings_along() -> None:
    """One, it and later ones, all."""
    assert list(affected(Strategy.ONE_FOR_ONE, 1, 4)) == [1]
    assert list(affected(Strategy.REST_FOR_ONE, 1, 4)) == [1, 2, 3]
    assert list(affected(Strategy.ONE_FOR_ALL, 1, 4)) == [0, 1, 2, 3]


def test_the_house_is_built_as_the_architecture_says() -> None:
    """Strategies and intensities of the four supervisors."""
    root = house(TreePlan(symbols=("BTCUSDT",)))
    shape = {s.name: (s.strategy.value, s.intensity.restarts, s.intensity.period_ms) for s in (root, *root.children)}  # type: ignore[union-attr]
    assert shape == {
        "root": ("rest_for_one", 5, 60_000),
        "trading": ("rest_for_one", 5, 30_000),
        "symbols": ("one_for_one", 5, 60_000),
        "faces": ("one_for_one", 10, 60_000),
    }
    assert [leaf.role for leaf in root.leaves()] == ["breaker", "executor", "symbol:BTCUSDT", "recorder"]
