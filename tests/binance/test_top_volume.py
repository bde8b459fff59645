"""The most traded symbol of the day, as the launcher and the root ask for it (P-1)."""

import copy

import msgspec
import pytest

from tests.binance.conftest import EXCHANGE_INFO, StubExchange
from vortex import bootstrap
from vortex.kernel.clock import SystemClock
from vortex.settings import Settings, VenueSettings


def listing(**changes: dict[str, str]) -> dict:
    """exchangeInfo with these symbols, each a copy of BTCUSDT with changes."""
    info = copy.deepcopy(EXCHANGE_INFO)
    first = info["symbols"][0]
    info["symbols"] = [{**copy.deepcopy(first), "symbol": name, **change} for name, change in changes.items()]
    return info


@pytest.fixture
def settings(stub: StubExchange, tmp_path) -> Settings:
    """Of a system on the stand-in exchange."""
    urls = stub.urls
    venue = VenueSettings(kind="testnet", rest_url=urls.rest, ws_url=urls.rest.replace("http", "ws"))
    return Settings(home=str(tmp_path), venue=venue)


pytestmark = pytest.mark.asyncio
PLAIN = {"quoteAsset": "USDT", "contractType": "PERPETUAL", "status": "TRADING"}


async def test_it_is_an_alt_a_usdt_perpetual_and_trading(stub: StubExchange, settings: Settings) -> None:
    """Majors, configured symbols, dated contracts, other quotes, halted ones and odd names are left out."""
    stub.answer(
        "GET",
        "/fapi/v1/exchangeInfo",
        listing(
            BTCUSDT=PLAIN,
            ETHUSDT=PLAIN,
            SOLUSDT=PLAIN,
            DOGEUSDT=PLAIN,
            XRPUSDT=PLAIN,
            ADAUSDC=PLAIN | {"quoteAsset": "USDC"},
            LTCUSDT_261225=PLAIN | {"contractType": "CURRENT_QUARTER"},
            HALTUSDT=PLAIN | {"status": "SETTLING"},
            牛USDT=PLAIN,
        ),
    )
    volumes = {
        "BTCUSDT": "9e10",
        "ETHUSDT": "8e10",
        "牛USDT": "7e10",
        "ADAUSDC": "6e10",
        "LTCUSDT_261225": "5e10",
        "HALTUSDT": "4e10",
        "SOLUSDT": "3e10",
        "UNKNOWNUSDT": "2e10",
        "DOGEUSDT": "1e10",
        "XRPUSDT": "9e9",
    }
    rows = [{"symbol": name, "quoteVolume": volume} for name, volume in volumes.items()]
    stub.answer("GET", "/fapi/v1/ticker/24hr", rows)
    clock = SystemClock()
    assert await bootstrap.top_volume(settings, clock, ()) == "SOLUSDT"
    assert await bootstrap.top_volume(settings, clock, ("SOLUSDT",)) == "DOGEUSDT"
    assert await bootstrap.top_volume(settings, clock, ("SOLUSDT", "DOGEUSDT", "XRPUSDT")) == ""
    chosen = msgspec.structs.replace(settings, symbols=(*settings.symbols, "DOGEUSDT"))
    assert chosen.symbols[-1] == "DOGEUSDT"
