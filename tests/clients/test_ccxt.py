"""ccxt `binanceusdm`, unmodified: REST, exceptions, ccxt.pro streams, orders over the WebSocket API."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.exchange import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-ccxt")]

Found = Callable[[str, str], dict[str, Any]]

GENERIC = {
    "-1102": "BadRequest",
    "-1106": "BadRequest",
    "-1111": "BadRequest",
    "-1115": "BadRequest",
    "-1116": "BadRequest",
    "-1117": "BadRequest",
    "-1121": "BadSymbol",
    "-1128": "BadRequest",
    "-2011": "OrderNotFound",
    "-2013": "OrderNotFound",
    "-4003": "BadRequest",
    "-4005": "BadRequest",
    "-4014": "BadRequest",
    "-4015": "BadRequest",
    "-4016": "BadRequest",
    "-4024": "BadRequest",
    "-4028": "BadRequest",
    "-4046": "MarginModeAlreadySet",
    "-4047": "OperationRejected",
    "-4059": "OperationRejected",
    "-4061": "OperationRejected",
    "-4067": "OperationRejected",
    "-4137": "BadRequest",
    "-1000/503": "OperationFailed",
    "-1001/503": "OperationFailed",
    "-1003/429": "DDoSProtection",
    "-1003/418": "DDoSProtection",
    "-1006/400": "OperationFailed",
    "-1007/408": "RequestTimeout",
    "-1015/429": "DDoSProtection",
    "-1016/503": "BadRequest",
    "-2010/400": "InvalidOrder",
    "-4045/400": "OperationRejected",
}
"""What ccxt raises wherever the exchange is."""

UNDER_ITS_NAME = {
    "-2019": "InsufficientFunds",
    "-2021": "OrderImmediatelyFillable",
    "-2022": "InvalidOrder",
    "-2027": "OperationRejected",
    "-4116": "InvalidOrder",
    "-4120": "InvalidOrder",
    "-4164": "InvalidOrder",
    "-4171": "OperationRejected",
    "-5021": "OrderNotFillable",
    "-5022": "OrderNotFillable",
    "-5027": "OperationRejected",
    "-5039": "BadRequest",
    "-5040": "BadRequest",
    "-5047": "InvalidOrder",
    "-1008/503": "OperationFailed",
    "-2018/400": "InsufficientFunds",
    "-2025/400": "OperationRejected",
    "-4118/400": "OperationRejected",
    "-4131/400": "OperationRejected",
    "-5028/400": "BadRequest",
}
"""What ccxt raises when it believes that it talks to fapi.binance.com; anywhere else it knows less."""

ELSEWHERE = {"-5021": "InvalidOrder", "-5022": "InvalidOrder", "-5028/400": "InvalidOrder"}


@pytest.fixture
def rest(found: Found) -> dict[str, Any]:
    """What the synchronous client found out."""
    return found("ccxt", "ccxt_rest.py")


@pytest.fixture
def errors(found: Found) -> dict[str, Any]:
    """Which exceptions it met."""
    return found("ccxt", "ccxt_errors.py")


@pytest.fixture
def streams(found: Found) -> dict[str, Any]:
    """What ccxt.pro found out."""
    return found("ccxt", "ccxt_streams.py")


def test_ccxt_loads_the_markets(rest: dict[str, Any]) -> None:
    """Precision and minimum come from the filters, not from the *Precision fields."""
    assert rest["markets"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    market = rest["market"]
    assert (market["id"], market["type"], market["linear"], market["active"]) == ("BTCUSDT", "swap", True, True)
    assert (market["precision"]["price"], market["precision"]["amount"], rest["minimum"]) == (0.1, 0.001, 50.0)


def test_ccxt_reads_every_endpoint_it_names(rest: dict[str, Any]) -> None:
    """58 paths; those with rows have rows."""
    raw = rest["raw"]
    assert len(raw) >= 55
    filled = (
        "depth",
        "trades",
        "aggTrades",
        "klines",
        "fundingRate",
        "openInterestHist",
        "takerlongshortRatio",
        "basis",
    )
    assert [name for name in filled if not any(raw[path] for path in raw if path.endswith(f"/{name}"))] == []


def test_ccxt_understands_the_market(rest: dict[str, Any]) -> None:
    """Its unified structures are whole: books uncrossed, candles without gaps, every symbol there."""
    unified = rest["unified"]
    both = rest["markets"]
    assert (unified["crossed"], unified["levels"]) == (False, [20, 20])
    assert unified["tickers"] == unified["bids_asks"] == unified["last_prices"] == unified["funding_all"] == both
    assert unified["ticker"]["low"] <= unified["ticker"]["last"] <= unified["ticker"]["high"]
    assert unified["candles"][0] >= 1000
    assert unified["candles"][1] is True
    rows = ("hours", "mark_candles", "index_candles", "premium_candles", "trades", "open_interest_history")
    assert all(unified[name] >= 10 for name in (*rows, "ratio_history", "funding_history"))
    assert unified["mark"] > 0
    assert unified["open_interest"] > 0


def test_ccxt_reads_and_changes_the_account(rest: dict[str, Any]) -> None:
    """Balance, leverage, margin mode, position mode, brackets, fee."""
    account = dict(rest["account"])
    assert 9_900 < account.pop("usdt") <= 10_000
    assert account == {
        "positions": [],
        "leverage": 10,
        "leverages": 10,
        "margin_mode": "cross",
        "hedged": False,
        "tiers": [12, 125.0, 0.004],
        "fee": 0.0005,
        "hedged_then": True,
        "margin_mode_then": "isolated",
    }


def test_ccxt_moves_isolated_margin(rest: dict[str, Any]) -> None:
    """Added to the position, taken back, and both told by the history."""
    assert rest["isolated"] == {"added": 5, "moves": [["add", 5.0], ["reduce", 2.0]]}


def test_ccxt_places_edits_and_cancels(rest: dict[str, Any]) -> None:
    """The life of a limit order under one id."""
    assert rest["limit"] == {
        "placed": ["open", "limit", 0.002],
        "read": ["open", 0.0, True],
        "edited": [True, 0.003, True],
        "listed": True,
        "canceled": "canceled",
        "amendments": 1,
        "after": [],
        "history": ["canceled"],
    }


def test_ccxt_trades_with_every_time_in_force(rest: dict[str, Any]) -> None:
    """Post-only rests, IOC expires, FOK fills, reduce-only is cut to the position, market fills without an average."""
    special = rest["special"]
    assert special["post_only"] == ["open", True]
    assert (special["ioc"], special["fok"]) == ("expired", ["closed", 0.002])
    assert special["market"] == ["closed", 0.004, None]
    assert special["read"] == [True, True]
    assert special["held"][:2] == ["long", 0.006]
    assert special["reduce_only"] == [True, 0.006]
    assert special["sold"] == ["closed", 0.006]
    assert special["flat"] == []
    assert special["my_trades"] == [True, True]
    assert (special["fees"], special["closed"], special["ledger"]) == (True, True, True)
    assert {"COMMISSION", "REALIZED_PNL"} <= set(special["incomes"])


def test_ccxt_keeps_conditional_orders(rest: dict[str, Any]) -> None:
    """Five kinds through the algo endpoints, apart from the regular orders."""
    conditional = rest["conditional"]
    assert conditional["placed"] == {
        "stop": ["open", "STOP_MARKET"],
        "profit": ["open", "TAKE_PROFIT_MARKET"],
        "stop_limit": ["open", "STOP"],
        "trailing": ["open", "TRAILING_STOP_MARKET"],
        "closing": ["open", "STOP_MARKET"],
    }
    assert (conditional["listed"], conditional["read"], conditional["canceled"]) == (True, ["open", True], True)
    assert (conditional["not_among_regular"], conditional["left"]) == ([], [])
    assert conditional["history"] == ["canceled"]


def test_ccxt_holds_both_sides_in_hedge_mode(rest: dict[str, Any]) -> None:
    """Two positions of one symbol; reduceOnly must not be sent, and a side must be."""
    assert rest["hedge"] == {
        "held": [["long", 0.002, True], ["short", 0.003, True]],
        "refused": "BadRequest",
        "unsided": "OperationRejected",
        "flat": True,
    }


def test_ccxt_sends_batches(rest: dict[str, Any]) -> None:
    """Accepted ones rest, the refused one carries its code, and lower-case cancel lists are understood."""
    batch = rest["batch"]
    assert sorted(batch["placed"], key=str) == [["open", 0.002, None], ["open", 0.003, None], ["rejected", None, -5022]]
    assert (batch["edited"], batch["canceled"], batch["left"]) == (0.004, ["canceled", "canceled"], [])
    assert rest["dead_man"] == {"symbol": "BTCUSDT", "countdownTime": "60000"}


def test_ccxt_raises_its_documented_exceptions_under_productions_name(errors: dict[str, Any]) -> None:
    """Requests carried from https://fapi.binance.com to the simulated exchange: every class of the real one."""
    met = {str(code): name for code, name in errors["there"] if code}
    assert met == GENERIC | UNDER_ITS_NAME


def test_ccxt_raises_generic_exceptions_elsewhere(errors: dict[str, Any]) -> None:
    """ccxt picks its table by URL: elsewhere the same refusals become ExchangeError."""
    met = {str(code): name for code, name in errors["here"] if code}
    assert met == GENERIC | dict.fromkeys(UNDER_ITS_NAME, "ExchangeError") | ELSEWHERE


def test_ccxt_accepts_what_is_accepted(errors: dict[str, Any]) -> None:
    """Requests between the refusals that must not fail."""
    assert [name for code, name in errors["here"] + errors["there"] if not code] == [None] * 4


def test_ccxt_names_what_the_wire_does(errors: dict[str, Any]) -> None:
    """Pages instead of JSON, clocks, keys, and an answer that never comes."""
    assert errors["wire"] == {
        "page": "ExchangeNotAvailable",
        "text": "ExchangeNotAvailable",
        "clock_behind": "InvalidNonce",
        "clock_ahead": "InvalidNonce",
        "secret": "AuthenticationError",
        "key": "AuthenticationError",
        "interval": "BadRequest",
        "limit": "BadRequest",
        "lost": "RequestTimeout",
        "lost_and_there": "open",
    }


def test_ccxt_keeps_a_local_book(streams: dict[str, Any]) -> None:
    """Diffs join the snapshot; a lost one is noticed, and the book comes back."""
    assert streams["book"] == {"crossed": False, "grows": True}
    assert streams["lost_book_event"] == ["noticed", True]


def test_ccxt_hears_every_market_stream(streams: dict[str, Any]) -> None:
    """Candles, tickers, best prices, marks, trades."""
    market = streams["market"]
    assert market.pop("candle") == 6
    assert [name for name, heard in market.items() if heard is not True] == []


def test_ccxt_hears_orders_fills_balance_and_position(streams: dict[str, Any]) -> None:
    """The user stream tells a life from acceptance over amendment to cancel, and a round trip."""
    user = streams["user"]
    assert user["resting"] == [["open", 0.002], ["open", 0.003], ["canceled", 0.003]]
    assert user["closed"] == ["closed", 0.002, True]
    assert user["fill"] == [0.002, "taker", "USDT", True]
    assert user["position"] == ["long", 0.002]
    assert (user["balance"], user["flat"]) == (True, True)
    assert streams["stops"] == ["open", "canceled"]
    assert streams["fired_stop"] == [["closed", 0.002], "closed", "FINISHED", 0.002, True]


def test_ccxt_trades_over_the_websocket_api(streams: dict[str, Any]) -> None:
    """Place, read, modify, cancel, stop, market, account; refusals carry their codes."""
    api = streams["api"]
    assert (api["placed"], api["read"], api["edited"], api["canceled"]) == ("open", "open", 0.003, "canceled")
    assert api["stop"] == ["open", True]
    assert api["market"] == ["closed", "closed"]
    assert api["positions"] == [0.002]
    assert (api["balance"], api["ticker"], api["depth"]) == (True, True, True)
    assert {code: carried for code, (_, carried) in api["refused"].items()} == dict.fromkeys(
        ("-5022", "-2022", "-2011", "-2019"), True
    )


def test_the_exchange_conserved_money_while_ccxt_traded(exchange: Exchange, rest: dict[str, Any]) -> None:
    """After everything, the books explain every 1e-8."""
    assert rest["seconds"] > 0
    assert set(exchange.ledger("order")["conservation"]["main"].values()) == {0}
