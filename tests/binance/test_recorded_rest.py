"""Recorded REST answers of the real exchange decode into what we use of them."""

import gzip
import json

import msgspec
import pytest

from vortex.adapters.binance import instruments, market_reader, rest, rest_wire
from vortex.adapters.binance.endpoints import Purpose
from vortex.adapters.binance.errors import classify, read_failure
from vortex.domain.orders import OrderState
from vortex.kernel.errors import VenueRejected

DECODERS = {
    "/fapi/v1/time": rest._TIME,
    "/fapi/v1/aggTrades": market_reader._AGG_TRADES,
    "/fapi/v1/klines": market_reader._KLINES,
    "/fapi/v1/openInterest": market_reader._OPEN_INTEREST,
    "/fapi/v1/premiumIndex": market_reader._PREMIUM,
    "/fapi/v1/ticker/24hr": market_reader._TICKERS,
    "/fapi/v1/exchangeInfo": instruments._EXCHANGE_INFO,
    "/futures/data/openInterestHist": market_reader._OPEN_INTEREST_HISTORY,
    "/futures/data/globalLongShortAccountRatio": market_reader._RATIOS,
    "/futures/data/topLongShortAccountRatio": market_reader._RATIOS,
}


def test_every_recorded_answer_of_a_call_we_use_decodes(shared_data):
    """Lists where we ask for one symbol and single objects where the recording asked for one are both real."""
    seen: set[str] = set()
    for path in sorted((shared_data / "payloads/rest_recorded/gocryptotrader").glob("*.json")):
        recorded = json.loads(path.read_text())
        body = recorded["body"]
        if recorded["path"] not in DECODERS or (isinstance(body, dict) and "code" in body):
            continue
        if recorded["path"] == "/fapi/v1/ticker/24hr" and isinstance(body, dict):
            body = [body]
        rows = body if isinstance(body, list) and recorded["path"] == "/fapi/v1/premiumIndex" else [body]
        for row in rows:
            DECODERS[recorded["path"]].decode(json.dumps(row).encode())
        seen.add(recorded["path"])
    assert seen == set(DECODERS)


def test_recorded_refusals_are_definite(shared_data):
    """Error bodies seen on the wire carry code and text."""
    for recorded in json.loads((shared_data / "payloads/rest_recorded/gocryptotrader_error_bodies.json").read_text()):
        body = json.dumps({"code": recorded["code"], "msg": recorded["msg"]}).encode()
        error = classify(read_failure(400, body), Purpose.READ, 0)
        assert isinstance(error, VenueRejected)
        assert error.code == recorded["code"]


def test_the_whole_exchange_of_june_2026_is_listed(shared_data):
    """All 792 symbols with their unknown contract types and statuses; BTCUSDT with its recorded filters."""
    path = shared_data / "payloads/rest_recorded/exchangeInfo/fapi_v1_exchangeInfo_20260616T170138Z.json.gz"
    listing = instruments.listing(instruments._EXCHANGE_INFO.decode(gzip.decompress(path.read_bytes())))
    bitcoin = listing.tradable["BTCUSDT"]
    assert len(listing.known) + len(listing.unreadable) == 792
    assert not listing.unreadable
    assert 400 < len(listing.tradable) < len(listing.known)
    assert (str(bitcoin.tick_size), str(bitcoin.step_size), bitcoin.min_lots) == ("0.10", "0.001", 1)
    assert bitcoin.max_open_orders == 200


def test_an_odd_symbol_is_left_out_and_named():
    """One broken filter must not cost us every other symbol."""
    odd = rest_wire.SymbolInfo("ODDUSDT", "PERPETUAL", "TRADING", "ODD", "USDT", [])
    broken = rest_wire.SymbolInfo(
        "NANUSDT",
        "PERPETUAL",
        "TRADING",
        "NAN",
        "USDT",
        [
            msgspec.convert({"filterType": "PRICE_FILTER", "tickSize": "NaN"}, rest_wire.Filter),
            msgspec.convert({"filterType": "LOT_SIZE", "stepSize": "1"}, rest_wire.Filter),
        ],
    )
    assert instruments.listing(rest_wire.ExchangeInfo([odd, broken])).unreadable == ("ODDUSDT", "NANUSDT")


@pytest.mark.parametrize("status", ["NEW", "SOMETHING_ELSE"])
def test_an_order_listed_as_open_is_at_least_accepted(known, status):
    """A status we do not know must not hide an open order."""
    from vortex.adapters.binance.translate import from_order

    wire = msgspec.convert(
        {
            "orderId": 1,
            "symbol": "BTCUSDT",
            "status": status,
            "clientOrderId": "web_1",
            "side": "SELL",
            "type": "TAKE_PROFIT_MARKET",
            "price": "0",
            "origQty": "0.001",
            "executedQty": "0",
            "updateTime": 5,
        },
        rest_wire.Order,
        strict=False,
    )
    order = from_order(wire, known, listed_open=True)
    assert (order.state, order.reason) == (OrderState.ACCEPTED, "TYPE TAKE_PROFIT_MARKET")
