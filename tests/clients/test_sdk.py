"""Binance's own SDK, unmodified: its models are strict, so every field has the type it has on the real exchange."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-sdk")]

Found = Callable[[str, str], dict[str, Any]]

CLASSES = {
    401: "UnauthorizedError",
    408: "ClientError",
    418: "RateLimitBanError",
    429: "TooManyRequestsError",
    503: "ServerError",
}
"""The SDK's exception by HTTP status; 400 is BadRequestError. Of 5xx and 408 it keeps no code."""


@pytest.fixture
def rest(found: Found) -> dict[str, Any]:
    """What the REST part found out."""
    return found("sdk", "sdk_rest.py")


@pytest.fixture
def streams(found: Found) -> dict[str, Any]:
    """What the streams and the WebSocket API found out."""
    return found("sdk", "sdk_streams.py")


def test_the_sdk_parses_every_market_answer(rest: dict[str, Any]) -> None:
    """34 endpoints, 7 of them also for all symbols."""
    assert (rest["market"], rest["misread"]) == (41, [])


def test_the_sdk_parses_every_account_answer(rest: dict[str, Any]) -> None:
    """Read while a position, an order and two conditional orders are open."""
    assert (rest["orders"]["reads"], rest["orders"]["misread"]) == (29, {})


def test_the_sdk_trades(rest: dict[str, Any]) -> None:
    """Limit, post-only, market, reduce-only, conditional, batches; everything in the query string."""
    orders = {name: value for name, value in rest["orders"].items() if name not in ("reads", "misread")}
    assert orders == {
        "placed": ["NEW", False],
        "modified": "0.003",
        "bought": ["FILLED", "0.004"],
        "stop": ["NEW", True],
        "trailing": "2.5",
        "canceled_algo": "200",
        "all_algos": 200,
        "canceled": "CANCELED",
        "maker": "GTX",
        "everything": 200,
        "sold": "FILLED",
        "batch": ["NEW", -4016, "0.003"],
        "canceled_batch": "CANCELED",
        "countdown": "60000",
    }


def test_the_sdk_changes_settings(rest: dict[str, Any]) -> None:
    """Leverage, margin type and transfer, position mode, fee burn, multi-assets, listen key."""
    assert rest["settings"] == {
        "leverage": 9,
        "margin": 200,
        "moved": [3.0, 1],
        "moves": None,
        "mode": 200,
        "burn": 200,
        "multi": 200,
        "listen": [64, True],
    }


def test_the_sdk_raises_every_code(rest: dict[str, Any]) -> None:
    """The class says the status, its status_code the exchange's code."""
    wrong = []
    for wanted, met in rest["refusals"]:
        code, _, status = str(wanted).partition("/")
        expected = [CLASSES.get(int(status or 400), "BadRequestError"), int(code)]
        if status in ("503", "408"):
            expected[1] = 503 if status == "503" else None
        if met != (None if code == "0" else expected):
            wrong.append([wanted, met])
    assert wrong == []
    assert len(rest["refusals"]) >= 55


def test_the_sdk_names_what_the_wire_does(rest: dict[str, Any]) -> None:
    """Unknown paths, wrong secret, unknown key, wrong clock, no answer."""
    assert rest["wire"] == {
        "path": ["NotFoundError", -5000],
        "secret": ["BadRequestError", -1022],
        "key": ["UnauthorizedError", -2015],
        "clock": ["BadRequestError", -1021],
        "lost": ["NetworkError", None],
    }


def test_the_sdk_parses_every_stream(streams: dict[str, Any]) -> None:
    """14 public streams and the user stream: nothing silent, nothing handed over raw, no complaint in the log."""
    assert streams["market"] == {"silent": [], "raw": []}
    user = streams["user"]
    assert user["kinds"] == ["AccountConfigUpdate", "AccountUpdate", "AlgoUpdate", "OrderTradeUpdate", "TradeLite"]
    assert user["first"] == ["OrderTradeUpdate"] * 3
    assert streams["complaints"] == []


def test_the_sdk_trades_over_the_websocket_api(streams: dict[str, Any]) -> None:
    """Its signatures cover percent-encoded values; every reply carries the rate limits it insists on."""
    api = streams["api"]
    assert (api["placed"], api["read"], api["modified"], api["canceled"]) == ("NEW", "NEW", "0.003", "CANCELED")
    assert api["stop"] == ["NEW", "200"]
    assert api["unread"] == []
    assert api["refused"]["error"]["code"] == -5022
    assert api["limits"] == [300, 1200]
