"""Ids are short, legal, readable back, and equal for equal decisions (S3-6, promise 2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.orders import Leg
from vortex.execution.client_order_ids import ID_PATTERN, make_id, parse_id, symbol_key

SYMBOLS = st.one_of(st.sampled_from(["BTCUSDT", "BTCUSDT_260327", "1000000MOGUSDT"]), st.text(min_size=1, max_size=30))
PARTS = st.tuples(SYMBOLS, st.integers(1, 0xFFFFFF), st.sampled_from(Leg), st.integers(0, 255))


def test_an_id_reads_like_what_it_is_for() -> None:
    """Account, symbol, trade, leg, attempt."""
    assert make_id("v7", "BTCUSDT", 26, Leg.STOP, 1) == "v7-BTCUSDT-1a-S1"


@pytest.mark.property
@given(PARTS)
def test_every_id_is_legal_and_is_read_back(parts: tuple[str, int, Leg, int]) -> None:
    """The exchange's alphabet and length hold for any symbol, non-ASCII ones included."""
    symbol, trade_no, leg, attempt = parts
    text = make_id("abcdefgh", symbol, trade_no, leg, attempt)
    assert ID_PATTERN.match(text)
    parsed = parse_id(text)
    assert parsed is not None
    assert (parsed.tag, parsed.symbol_key, parsed.trade_no, parsed.leg, parsed.attempt) == (
        "abcdefgh",
        symbol_key(symbol),
        trade_no,
        leg,
        attempt,
    )


@pytest.mark.property
@given(PARTS, PARTS)
def test_different_purposes_never_share_an_id(one: tuple[str, int, Leg, int], other: tuple[str, int, Leg, int]) -> None:
    """Promise 2."""
    assert (make_id("v7", *one) == make_id("v7", *other)) == (one == other)


@pytest.mark.parametrize("text", ["", "web_12345", "autoclose-1", "v7-BTCUSDT-0g-E0", "v7-BTCUSDT-1-X0", "x" * 36])
def test_a_strangers_id_is_not_ours(text: str) -> None:
    """T37."""
    assert parse_id(text) is None
