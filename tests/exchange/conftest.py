"""A small exchange with a quiet market, for tests."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from vortex.exchange.floor import VenueRules
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_events import BookState, MarketTrade, MarkState
from vortex.exchange.venue import Response, Venue

START_MS = 1_794_000_000_000
SYMBOL = "BTCUSDT"
MID = 800_000
"""Ticks of 0.1: a price of 80 000."""


class Stand:
    """An exchange with one hand on its market. Times move only when a test says so."""

    def __init__(self, **rules: Any) -> None:
        self.now = START_MS
        self.venue = Venue((SYMBOL, "ETHUSDT", "BNBUSDT"), START_MS, rules=VenueRules(**rules))
        self.account = self.venue.open_account("main", {"USDT": Decimal(10_000)})
        self.book()

    def book(self, bid: int = MID, ask: int = MID + 1, lots: int = 1_000, levels: int = 20) -> list[Any]:
        """A regular book: `lots` on each of the levels from bid down and ask up."""
        bids = tuple((bid - at, lots) for at in range(levels))
        asks = tuple((ask + at, lots) for at in range(levels))
        return self.venue.on_market(BookState(self.now, SYMBOL, bids, asks), self.now)

    def trade(self, px: int, lots: int, *, sold: bool) -> list[Any]:
        """A stranger trades; `sold` means that the aggressor sold."""
        return self.venue.on_market(MarketTrade(self.now, SYMBOL, px, lots, sold), self.now)

    def mark(self, price: float, *, rate: float = 0.0001, next_ms: int | None = None) -> list[Any]:
        """A new mark price."""
        following = self.venue.floor.listing(SYMBOL).next_funding_ms if next_ms is None else next_ms
        return self.venue.on_market(MarkState(self.now, SYMBOL, price, price, rate, following), self.now)

    def tick(self, ms: int) -> list[Any]:
        """Time passes."""
        self.now += ms
        return self.venue.tick(self.now)

    def ask_for(self, method: str, path: str, account: str = "main", **params: Any) -> Response:
        """Any request."""
        sent = {name: str(value) for name, value in params.items()}
        return self.venue.request(account, method, path, sent, self.now)

    def order(self, side: str = "BUY", **params: Any) -> Response:
        """A new order on the symbol: LIMIT GTC of 0.010 at 79 000 unless said otherwise."""
        sent = {"symbol": SYMBOL, "side": side, "type": "LIMIT", "quantity": "0.010", **params}
        if sent["type"] == "LIMIT":
            sent.setdefault("timeInForce", "GTC")
            if "priceMatch" not in sent:
                sent.setdefault("price", "79000")
        return self.ask_for("POST", "/fapi/v1/order", **{k: v for k, v in sent.items() if v is not None})

    def market(self, side: str, quantity: str = "0.010", **params: Any) -> Response:
        """A MARKET order that wants its result."""
        return self.order(side, type="MARKET", quantity=quantity, newOrderRespType="RESULT", **params)

    def algo(self, side: str = "SELL", **params: Any) -> Response:
        """A new conditional order: STOP_MARKET closing everything at 79 000 unless said otherwise."""
        sent = {
            "algoType": "CONDITIONAL",
            "symbol": SYMBOL,
            "side": side,
            "type": "STOP_MARKET",
            "triggerPrice": "79000",
            **params,
        }
        if "quantity" not in sent:
            sent.setdefault("closePosition", "true")
        return self.ask_for("POST", "/fapi/v1/algoOrder", **{k: v for k, v in sent.items() if v is not None})

    def held(self, side: str = "BOTH") -> int:
        """Signed lots of the position."""
        return self.account.held_lots(SYMBOL, side)


@pytest.fixture
def stand() -> Stand:
    """A quiet exchange with 10 000 USDT in the account."""
    return Stand()


@pytest.fixture
def new_stand() -> Callable[..., Stand]:
    """Make an exchange with other rules."""
    return Stand


@pytest.fixture
def instrument() -> Any:
    """The contract most tests trade."""
    return DEFAULT_INSTRUMENTS[SYMBOL]


@pytest.fixture(scope="module")
def shared_stand() -> Stand:
    """One exchange for a module's generated examples."""
    return Stand()
