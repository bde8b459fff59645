"""The screen draws whatever the status document holds, also when most of it is missing."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.render import log_line, number, printed, screen, span
from vortex.readmodel.status import build_status

TREE = [
    {"name": "root", "kind": "supervisor", "parent": None, "state": "running", "pid": 1, "epoch": 2, "restarts": 0},
    {"name": "executor", "kind": "executor", "parent": "trading", "state": "restarting", "pid": None, "restarts": 3},
]
SIGNAL = {"direction": "SHORT", "label": "SELL_PRESSURE", "strength": 0.5, "warm": True, "fields": {}}
VIEWS: dict[str, Any] = {
    "executor": {
        "positions": [{"symbol": "BTCUSDT", "side": "BUY", "trade_no": 1, "quantity": "0.5", "entry_px": "100.0"}],
        "account": {"equity": "9999.5", "pnl_today": "-0.5"},
    },
    "breaker": {"state": "open", "reasons": ["LOSS_STREAK"], "cooldown_until": 1},
    "symbol:BTCUSDT": {
        "feed": {"state": "SUBSCRIBED", "price": 101.0},
        "signals": {"e1": SIGNAL, "e2": {"warm": False}, "e5": {"fields": {"phase": "RANGING", "vol_phase": "LOW"}}},
        "decision": {"action": "NO_TRADE", "failed": ["score", "warm", "spread"], "score": -0.2},
    },
}


def drawn(renderable: Any) -> str:
    """What a person would read, 150 columns wide."""
    paper = Console(file=io.StringIO(), width=150, height=50, record=True)
    paper.print(renderable)
    return paper.export_text()


def document(**given: Any) -> dict[str, Any]:
    """A status document."""
    return build_status(**{"about": {}, "tree": TREE, "views": VIEWS, "services": {"ray": {}}, **given})


def test_the_page_names_what_a_person_must_see() -> None:
    """Tree, votes, the first reasons against a trade, an unprotected position in words, the breaker's reason."""
    page = drawn(printed(document()))
    for word in ("executor", "restarting", "▼0.50", "warming", "no: score, warm +1", "NONE", "LOSS_STREAK", "9,999.50"):
        assert word in page


@pytest.mark.parametrize("draw", [printed, screen])
def test_an_empty_house_is_drawn_too(draw: Any) -> None:
    """Starting, or half dead: the screen never falls over."""
    assert "supervision tree" in drawn(draw(document(tree=[], views={}, services={})))


def test_a_log_line_is_one_line() -> None:
    """Without a terminal the screen becomes plain lines."""
    line = log_line(document())
    assert "\n" not in line
    assert "breaker=open BTCUSDT=SUBSCRIBED positions=1" in line


def test_figures_read_as_people_write_them() -> None:
    """Thousands, signs, durations, and a dash for nothing."""
    assert (number("12345.678"), number(None), number("-1", signed=True)) == ("12,345.68", "–", "-1.00")
    assert (span(59), span(61), span(3_700), span(None)) == ("59s", "1m01s", "1h01m", "–")
