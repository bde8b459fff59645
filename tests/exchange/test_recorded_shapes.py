"""Our user events against real ones: recorded messages of a live account."""

import json
from pathlib import Path
from typing import Any

import pytest

from vortex.exchange.events import UserEvent

pytestmark = pytest.mark.golden


@pytest.fixture
def recorded(shared_data: Path) -> list[dict[str, Any]]:
    """Real user events of 2026-03, or a skip."""
    folder = shared_data / "payloads" / "ws_recorded" / "lean_user_stream"
    if not folder.is_dir():
        pytest.skip(f"no recorded user stream at {folder}")
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.strip()]


def types_of(body: dict[str, Any]) -> dict[str, type]:
    """Each key with its JSON type."""
    return {name: type(value) for name, value in body.items()}


def test_order_events_have_exactly_the_recorded_keys_and_types(recorded: list[dict[str, Any]], stand: Any) -> None:
    """Acceptance, fill and cancel alike."""
    ours = [event.payload for event in stand.market("BUY").events if isinstance(event, UserEvent)]
    mine = [payload for payload in ours if payload["e"] == "ORDER_TRADE_UPDATE"]
    real = [message for message in recorded if message["e"] == "ORDER_TRADE_UPDATE"]
    assert real
    for message in real:
        for payload in mine:
            assert types_of(payload) == types_of(message)
            assert types_of(payload["o"]) == types_of(message["o"])


def test_algo_events_have_at_least_the_recorded_keys_and_types(recorded: list[dict[str, Any]], stand: Any) -> None:
    """Newer fields (`rm`, `ia`) came after the recording; nothing recorded may be missing."""
    mine = stand.algo().events[0].payload
    real = [message for message in recorded if message["e"] == "ALGO_UPDATE" and message["o"]["ai"] == ""]
    assert real
    for message in real:
        assert types_of(message["o"]).items() <= types_of(mine["o"]).items()


def test_the_published_filters_are_those_recorded(shared_data: Path, stand: Any) -> None:
    """exchangeInfo of our contracts equals the recorded one, filter by filter."""
    path = shared_data / "payloads" / "rest_recorded" / "exchangeInfo"
    files = sorted(path.glob("*_BTC_ETH_*.json"))
    if not files:
        pytest.skip(f"no recorded exchangeInfo at {path}")
    real = {row["symbol"]: row for row in json.loads(files[0].read_text())["symbols"]}
    ours = {row["symbol"]: row for row in stand.ask_for("GET", "/fapi/v1/exchangeInfo").body["symbols"]}
    for symbol in real.keys() & ours.keys():
        for name in real[symbol].keys() - {"orderTypes", "filters"}:
            assert ours[symbol][name] == real[symbol][name], (symbol, name)
        assert sorted(ours[symbol]["orderTypes"]) == sorted(real[symbol]["orderTypes"])
        assert {row["filterType"]: row for row in ours[symbol]["filters"]} == {
            row["filterType"]: row for row in real[symbol]["filters"]
        }
