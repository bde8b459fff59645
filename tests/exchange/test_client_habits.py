"""What real clients do and simple ones do not: odd spellings, odd signatures, seldom endpoints."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.exchange.auth import ApiKey, check_signature, check_signed_params, sign
from vortex.exchange.refusal import Refusal
from vortex.exchange.streams import PUBLIC, parse

KEY = ApiKey("k" * 64, "secret")


@pytest.mark.parametrize("encode", [lambda pairs: "&".join(f"{k}={v}" for k, v in pairs), urlencode])
def test_the_websocket_api_takes_plain_and_encoded_signatures(encode: Callable[[list[tuple[str, str]]], str]) -> None:
    """Some clients sign the values as they are, the official SDK percent-encodes them first (6)."""
    params = {"apiKey": KEY.key, "newClientOrderId": "a:b/c", "symbol": "BTCUSDT", "timestamp": "1"}
    signed = {**params, "signature": sign(KEY.secret, encode(sorted(params.items())).encode())}
    check_signed_params(KEY, signed)
    with pytest.raises(Refusal) as refused:
        check_signed_params(KEY, {**signed, "symbol": "ETHUSDT"})
    assert refused.value.code == -1022


@pytest.mark.property
@given(sent=st.text(max_size=80))
def test_no_signature_breaks_the_check(sent: str) -> None:
    """Whatever stands where a signature should be is refused with -1022."""
    for check in (
        lambda: check_signature(KEY, b"a=1", b"", sent),
        lambda: check_signed_params(KEY, {"a": "1", "signature": sent}),
    ):
        with pytest.raises(Refusal) as refused:
            check()
        assert refused.value.code == -1022


def test_upper_case_signatures_are_as_good() -> None:
    """Hex in any case (4.1); a byte more is another request."""
    upper = sign(KEY.secret, b"a=1").upper()
    check_signature(KEY, b"a=1", b"", upper)
    with pytest.raises(Refusal):
        check_signature(KEY, b"a=1&b=2", b"", upper)


def test_the_book_with_rpi_orders_is_the_book() -> None:
    """Nobody posts RPI orders here, so `rpiDepth` is the diff stream at its own pace."""
    stream = parse("btcusdt@rpiDepth@500ms")
    assert stream is not None
    assert (stream.kind, stream.route, stream.period_ms) == ("depth", PUBLIC, 500)


@pytest.mark.parametrize(
    ("path", "params", "names"),
    [
        ("/fapi/v1/constituents", {"symbol": "BTCUSDT"}, {"symbol", "time", "constituents"}),
        ("/fapi/v1/insuranceBalance", {"symbol": "BTCUSDT"}, {"symbols", "assets"}),
        ("/fapi/v1/symbolAdlRisk", {"symbol": "BTCUSDT"}, {"symbol", "adlRisk", "updateTime"}),
        ("/fapi/v1/tradingSchedule", {}, {"updateTime", "marketSchedules"}),
    ],
)
def test_reference_data_has_its_documented_shape(
    stand: Any, path: str, params: dict[str, str], names: set[str]
) -> None:
    """Endpoints that clients read at start-up or by habit."""
    answer = stand.ask_for("GET", path, **params)
    assert (answer.status, set(answer.body)) == (200, names)


def test_lists_of_reference_data_come_without_a_symbol(stand: Any) -> None:
    """One object with a symbol, rows without."""
    for path in ("insuranceBalance", "symbolAdlRisk", "assetIndex", "indexInfo"):
        assert isinstance(stand.ask_for("GET", f"/fapi/v1/{path}").body, list)
    assert stand.ask_for("GET", "/fapi/v1/assetIndex", symbol="USDTUSD").body["index"] == "1.00000000"
    assert stand.ask_for("GET", "/fapi/v1/assetIndex", symbol="NOPE").body["code"] == -1121
    assert stand.ask_for("GET", "/futures/data/delivery-price", pair="BTCUSDT").body == []
    assert stand.ask_for("GET", "/futures/data/delivery-price", pair="NOPE").body["code"] == -1121


def test_basis_is_contract_over_index(stand: Any) -> None:
    """Closed periods only, oldest first, numbers that fit each other."""
    rows = stand.ask_for("GET", "/futures/data/basis", pair="BTCUSDT", contractType="PERPETUAL", period="5m").body
    for row in rows:
        assert float(row["futuresPrice"]) - float(row["indexPrice"]) == pytest.approx(float(row["basis"]), abs=1e-6)
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    wrong = {"pair": "BTCUSDT", "contractType": "CURRENT_QUARTER", "period": "5m"}
    assert stand.ask_for("GET", "/futures/data/basis", **wrong).body["code"] == -1130


def test_moves_of_isolated_margin_are_remembered(stand: Any) -> None:
    """positionMargin/history tells what was added and taken, and only that."""
    stand.ask_for("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    stand.market("BUY")
    path = "/fapi/v1/positionMargin"
    assert stand.ask_for("POST", path, symbol="BTCUSDT", amount="5", type="1").status == 200
    assert stand.ask_for("POST", path, symbol="BTCUSDT", amount="2", type="2").status == 200
    assert stand.ask_for("POST", path, symbol="BTCUSDT", amount="900000", type="1").status == 400
    rows = stand.ask_for("GET", f"{path}/history", symbol="BTCUSDT").body
    assert [(row["type"], row["amount"], row["positionSide"]) for row in rows] == [
        (1, "5.00000000", "BOTH"),
        (2, "2.00000000", "BOTH"),
    ]
    added = stand.ask_for("GET", f"{path}/history", symbol="BTCUSDT", type="1").body
    assert json.dumps(added) == json.dumps(rows[:1])
