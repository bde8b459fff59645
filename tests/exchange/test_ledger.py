"""The exchange's own record can be asked by number, kind, symbol and time."""

from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.ledger import KINDS, RECORD_MAX, Ledger

written = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.sampled_from(["BTCUSDT", "ETHUSDT"])), max_size=30
)


@given(
    written,
    st.integers(0, 30),
    st.integers(0, 80),
    st.integers(0, 80),
    st.sampled_from(["", *KINDS]),
    st.integers(1, 9),
)
def test_a_question_is_a_filter_over_everything_written(
    story: list[tuple[int, str, str]], since: int, from_ms: int, to_ms: int, kind: str, limit: int
) -> None:
    """Whatever the question, the answer is what a plain filter over all entries gives, in order."""
    ledger, now, everything = Ledger(), 0, []
    for passed, what, symbol in story:
        now += passed
        ledger.write(what, now, symbol=symbol)
        everything.append((ledger.sequence, now, what, symbol))
    expected = [
        number
        for number, at, what, symbol in everything
        if number > since and from_ms <= at <= to_ms and kind in ("", what) and symbol == "BTCUSDT"
    ]
    found = ledger.query(since, "BTCUSDT", kind, limit, from_ms, to_ms)
    assert [entry["seq"] for entry in found] == expected[:limit]


def test_positions_of_a_span_are_those_that_were_open_in_it() -> None:
    """A life counts while any part of it lies in the span, an open one to the end of time."""
    ledger = Ledger()
    for opened, closed in ((100, 200), (300, 400), (500, None)):
        ledger.position_changed("main", "BTCUSDT", "BOTH", 1, "0.001", 0, opened)
        if closed is not None:
            ledger.position_changed("main", "BTCUSDT", "BOTH", 0, "0", 7, closed)

    def numbers(from_ms: int, to_ms: int) -> list[int]:
        return [row["number"] for row in ledger.position_rows("", 600, from_ms, to_ms)]

    assert numbers(0, 99) == []
    assert numbers(150, 300) == [1, 2]
    assert numbers(401, 499) == []
    assert numbers(400, 10_000) == [2, 3]


def test_the_record_is_bounded() -> None:
    """Of every kind the newest entries are kept, and of the lives of positions too."""
    ledger = Ledger()
    for number in range(RECORD_MAX + 10):
        ledger.position_changed("main", "BTCUSDT", "BOTH", 1, "0.001", 0, number)
        ledger.position_changed("main", "BTCUSDT", "BOTH", 0, "0", 0, number)
    assert len(ledger.positions) == RECORD_MAX
    assert ledger.positions[-1].number == RECORD_MAX + 10
