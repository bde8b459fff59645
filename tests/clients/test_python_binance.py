"""python-binance, unmodified: synchronous and asynchronous clients, futures sockets, the WebSocket API."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.exchange import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-python-binance")]

Found = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def sync(found: Found) -> dict[str, Any]:
    """What the synchronous client found out."""
    return found("python-binance", "python_binance_sync.py")


@pytest.fixture
def concurrent(found: Found) -> dict[str, Any]:
    """What the asynchronous client found out."""
    return found("python-binance", "python_binance_async.py")


def test_python_binance_reads_every_endpoint_it_names(sync: dict[str, Any]) -> None:
    """49 methods; those with rows have rows."""
    calls = sync["calls"]
    assert len(calls) == 49
    filled = ("klines", "recent_trades", "open_interest_hist", "taker_longshort_ratio", "leverage_bracket", "ticker")
    assert [name for name in filled if not calls[f"futures_{name}"]] == []


def test_python_binance_places_modifies_and_cancels(sync: dict[str, Any]) -> None:
    """Parameters travel in form bodies, those of DELETE too."""
    orders = sync["orders"]
    assert orders["placed"] == ["NEW", False]
    assert orders["modified"] == ["0.003", "BTCUSDT"]
    assert orders["read"] == ["NEW", True, "0.00"]
    assert (orders["listed"], orders["canceled"], orders["maker"]) == (1, "CANCELED", "GTX")
    assert orders["bought"] == ["FILLED", "0.004"]
    assert orders["reducing"] == ["0.004", True]
    assert (orders["held"], orders["sold"], orders["flat"]) == (["0.004"], "FILLED", [])
    assert orders["trades"] >= 2
    assert orders["test"] == {}


def test_python_binance_keeps_conditional_orders(sync: dict[str, Any]) -> None:
    """The client itself turns stopPrice into triggerPrice and asks the algo endpoints."""
    assert sync["stops"] == {
        "stop": ["NEW", True],
        "trailing": "1.5",
        "listed": 2,
        "read": ["NEW", ""],
        "canceled": "200",
        "left": [],
    }


def test_python_binance_sends_batches(sync: dict[str, Any]) -> None:
    """Strings or numbers inside the JSON; the refused element carries its code."""
    batches = sync["batches"]
    assert batches["placed"] == ["NEW", "NEW", -5022]
    assert batches["canceled"] == ["CANCELED", "CANCELED"]
    assert (batches["countdown"]["countdownTime"], batches["off"]) == ("60000", "0")


def test_python_binance_raises_every_code(sync: dict[str, Any]) -> None:
    """BinanceAPIException with the code that belongs to the refusal, and none where nothing is refused."""
    wrong = [
        [wanted, met]
        for wanted, met in sync["refusals"]
        if (met is not None if wanted == 0 else met is None or met[:2] != ["BinanceAPIException", wanted])
    ]
    assert wrong == []
    assert len(sync["refusals"]) >= 55


def test_python_binance_names_what_the_wire_does(sync: dict[str, Any]) -> None:
    """A page with status 503, a page with status 200, a wrong clock, a wrong secret."""
    assert sync["wire"] == {
        "page": ["BinanceAPIException", 0, 503],
        "page_with_status_200": ["BinanceRequestException", None, None],
        "clock": ["BinanceAPIException", -1021, 400],
        "secret": ["BinanceAPIException", -1022, 400],
    }


def test_python_binance_works_asynchronously(concurrent: dict[str, Any]) -> None:
    """REST through AsyncClient, and history in pages."""
    assert concurrent["rest"] == ["NEW", "CANCELED", 360, True]


def test_python_binance_hears_every_futures_socket(concurrent: dict[str, Any]) -> None:
    """Each socket on the route that carries it."""
    market = concurrent["market"]
    assert market.pop("diffs") in ("depthUpdate", "trade")
    assert market == {
        "kline": "continuous_kline",
        "aggtrade": "aggTrade",
        "depth": "depthUpdate",
        "rpi_depth": "depthUpdate",
        "book": "bookTicker",
        "ticker": "24hrTicker",
        "tickers": "24hrTicker",
        "many": "markPriceUpdate",
    }


def test_python_binance_hears_the_account(concurrent: dict[str, Any]) -> None:
    """Life of an order, a fill with its account update, a stop, a change of leverage."""
    user = concurrent["user"]
    assert user["life"] == [["NEW", "NEW"], ["AMENDMENT", "NEW"], ["CANCELED", "CANCELED"]]
    assert user["trip"][0] == "ORDER_TRADE_UPDATE"
    assert user["trip"][-3:] == ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    assert user["account"] == ["ORDER", "0.002", "USDT"]
    assert user["algos"] == ["NEW", "CANCELED"]
    assert user["leverage"] == {"s": "BTCUSDT", "l": 7}


def test_python_binance_keeps_a_local_book(concurrent: dict[str, Any]) -> None:
    """Its depth cache joins diffs and snapshot without a complaint."""
    assert concurrent["depth_cache"] == [True, True]


def test_python_binance_listens_in_a_thread(concurrent: dict[str, Any]) -> None:
    """The threaded manager, for programs without a loop: market and account."""
    wanted = {"continuous_kline", "depthUpdate", "ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_UPDATE"}
    assert wanted <= set(concurrent["threaded"])


def test_python_binance_trades_over_the_websocket_api(concurrent: dict[str, Any]) -> None:
    """JSON numbers are verified as the client has signed them: 77000.0, 1e-05."""
    api = concurrent["api"]
    assert (api["placed"], api["read"], api["edited"], api["canceled"]) == ("NEW", "NEW", "0.003", "CANCELED")
    assert api["stop"] == ["NEW", "200"]
    assert api["empty"] == []
    assert api["refused"] == {"-5022": -5022, "-1111": -1111, "-4014": -4014, "-2022": -2022}


def test_the_exchange_conserved_money_while_python_binance_traded(exchange: Exchange, sync: dict[str, Any]) -> None:
    """After everything, the books explain every 1e-8."""
    assert sync["seconds"] > 0
    assert set(exchange.ledger("order")["conservation"]["main"].values()) == {0}
