"""Numbers read straight from the layout's bytes are those that numpy reads by name."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.signals import Engine
from vortex.signals import readout
from vortex.signals.layout import STATE
from vortex.signals.readout import SignalReader
from vortex.signals.scalars import Fields, floats, integers, word_of
from vortex.signals.settings import SignalSettings

RECORDS = {
    "flow": readout.FLOW,
    "tick": readout.TICK,
    "technical": readout.TECHNICAL,
    "sentiment": readout.SENTIMENT,
    "regime": readout.REGIME,
}


@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("record", RECORDS)
def test_fields_are_those_that_numpy_reads_by_name(record: str, seed: int) -> None:
    """Whatever the bytes are, for every record that the engines are read from."""
    rng = np.random.default_rng(seed)
    state = np.frombuffer(rng.bytes(STATE.itemsize), STATE).copy()
    expected = []
    for name in RECORDS[record].split():
        expected += np.atleast_1d(state[record][name][0]).tolist()
    found = Fields(state, record, RECORDS[record]).read()
    assert [repr(value) for value in found] == [repr(value) for value in expected]


def test_words_are_read_and_written_in_place() -> None:
    """A number written by word is the one that numpy reads by name, and the other way round."""
    state = np.zeros(1, STATE)
    floats(state)[word_of("cycle", "watch_low")] = 1.5
    integers(state)[word_of("cycle", "due_ms")] = 7
    state[0]["tape"]["last_px"] = 2.5
    assert state[0]["cycle"]["watch_low"] == 1.5
    assert state[0]["cycle"]["due_ms"] == 7
    assert floats(state)[word_of("tape", "last_px")] == 2.5


def test_fields_out_of_the_layouts_order_are_a_mistake() -> None:
    """They would be read from the wrong place."""
    with pytest.raises(AssertionError, match=r"flow\.imbalance_3"):
        Fields(np.zeros(1, STATE), "flow", "imbalance imbalance_3")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("engine", "record", "field", "shown"),
    [
        (Engine.ORDER_FLOW, "flow", "velocity", "imbalance_velocity"),
        (Engine.TICK, "tick", "spike_ratio", "spike_ratio"),
        (Engine.TECHNICAL, "technical", "vwap", "vwap"),
        (Engine.SENTIMENT, "sentiment", "nearest", "nearest_liq_cluster"),
    ],
)
def test_what_is_not_finite_reads_zero_and_the_rest_as_it_is(
    engine: Engine, record: str, field: str, shown: str, value: float
) -> None:
    """One bad number takes no other with it (section 2: never NaN)."""
    state = np.zeros(1, STATE)
    state[0]["tape"]["cvd"] = 3.0
    state[0][record]["strength"] = 0.5
    state[0][record][field] = value
    signal = SignalReader(state, SignalSettings()).read(engine, 1)
    assert signal.fields[shown] == 0.0
    assert signal.strength == 0.5
    if engine is Engine.ORDER_FLOW:
        assert signal.fields["cvd"] == 3.0
