"""One account's own book-keeping: wallets, positions, settings, open orders, income. Exact integers throughout.

A position remembers the exact quote value of what it holds (`cost`), not an average, so that realized profit
plus open cost equals the cash that changed hands, to the last 1e-8.
"""

from collections import deque
from dataclasses import dataclass, field

from vortex.exchange.collateral import Collateral
from vortex.exchange.instruments import QUOTE_SCALE, Instrument
from vortex.exchange.orders import AlgoOrder, Fill, Order
from vortex.exchange.retention import Shelf

RATE_SCALE = 1_000_000
MAKER_RATE = 200
TAKER_RATE = 500
BNB_DISCOUNT_PERCENT = 90
HISTORY_MAX = 200_000


@dataclass(slots=True)
class Income:
    """One row of the income history; `amount` in 1e-8 of the asset."""

    symbol: str
    kind: str
    amount: int
    asset: str
    info: str
    ts_ms: int
    transfer_id: int
    trade_id: str


@dataclass(slots=True)
class SymbolSettings:
    """What the account chose for one symbol."""

    leverage: int = 20
    isolated: bool = False


@dataclass(slots=True)
class Position:
    """One position; `lots` signed, `cost` the signed quote value (1e-8) at which they were acquired."""

    instrument: Instrument
    side: str
    lots: int = 0
    cost: int = 0
    realized: int = 0
    """Accumulated realized profit before fees."""
    fees: int = 0
    isolated_wallet: int = 0
    updated_ms: int = 0

    def entry_e8(self) -> int:
        """Average entry price in 1e-8 quote units; 0 when flat."""
        if self.lots == 0:
            return 0
        return (2 * self.cost * QUOTE_SCALE + self.lots * self.instrument.step_e8) // (
            2 * self.lots * self.instrument.step_e8
        )

    def break_even_e8(self) -> int:
        """The price at which closing returns the entry fees; 0 when flat."""
        if self.lots == 0:
            return 0
        return (self.cost + self.fees) * QUOTE_SCALE // (self.lots * self.instrument.step_e8)

    def unrealized(self, mark_e8: int) -> int:
        """Profit (1e-8) if closed at the mark."""
        return self.instrument.notional(self.lots, mark_e8) - self.cost if self.lots else 0

    def notional(self, mark_e8: int) -> int:
        """Signed notional (1e-8) at the mark."""
        return self.instrument.notional(self.lots, mark_e8) if self.lots else 0

    def trade(self, signed_lots: int, px: int) -> int:
        """Add a fill; return the realized profit (1e-8). Crossing zero closes first and opens the rest (11.4)."""
        unit = self.instrument.unit_value
        if self.lots == 0 or (self.lots > 0) == (signed_lots > 0):
            self.lots += signed_lots
            self.cost += signed_lots * px * unit
            return 0
        closing = signed_lots if abs(signed_lots) <= abs(self.lots) else -self.lots
        released = self.cost * -closing // self.lots
        realized = -closing * px * unit - released
        self.fees -= self.fees * -closing // self.lots
        self.cost -= released
        self.lots += closing
        opening = signed_lots - closing
        if self.lots == 0:
            self.cost = opening * px * unit
            self.lots = opening
        self.realized += realized
        return realized


@dataclass(slots=True)
class Account:
    """One account of the exchange."""

    name: str
    wallets: dict[str, int] = field(default_factory=dict)
    deposits: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    settings: dict[str, SymbolSettings] = field(default_factory=dict)
    hedge_mode: bool = False
    multi_assets: bool = False
    fee_burn: bool = True
    open_orders: dict[int, Order] = field(default_factory=dict)
    open_client_ids: dict[str, Order] = field(default_factory=dict)
    orders_by_id: dict[int, Order] = field(default_factory=dict)
    orders_by_client_id: dict[tuple[str, str], Order] = field(default_factory=dict)
    open_algos: dict[int, AlgoOrder] = field(default_factory=dict)
    algos_by_id: dict[int, AlgoOrder] = field(default_factory=dict)
    algos_by_client_id: dict[str, AlgoOrder] = field(default_factory=dict)
    order_shelf: Shelf[Order] = field(default_factory=Shelf)
    algo_shelf: Shelf[AlgoOrder] = field(default_factory=Shelf)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    income: deque[Income] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    amendments: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    margin_moves: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))
    countdowns: dict[str, int] = field(default_factory=dict)
    maker_rate: int = MAKER_RATE
    taker_rate: int = TAKER_RATE
    liquidating: dict[str, int] = field(default_factory=dict)
    """Pockets of money in liquidation, by name, and when the next step is due (exchange ms)."""
    collateral: Collateral | None = None
    """What prices the other assets in multi-assets mode."""
    updated_ms: int = 0
    realized_total: int = 0
    commission_total: dict[str, int] = field(default_factory=dict)
    funding_total: int = 0
    insurance_total: int = 0
    """Received from the insurance fund, less the liquidation fees paid to it."""
    exchanged: dict[str, int] = field(default_factory=dict)
    """Gained or lost in automatic exchanges, per asset."""
    fill_cash: int = 0
    """Signed quote value of every fill, sells positive: the independent side of the conservation check."""

    def deposit(self, asset: str, units: int) -> None:
        """Put money in before trading starts."""
        self.wallets[asset] = self.wallets.get(asset, 0) + units
        self.deposits[asset] = self.deposits.get(asset, 0) + units

    def setting(self, symbol: str) -> SymbolSettings:
        """This account's settings of a symbol."""
        found = self.settings.get(symbol)
        if found is None:
            found = self.settings[symbol] = SymbolSettings()
        return found

    def position(self, instrument: Instrument, side: str) -> Position:
        """The position of a symbol and side, made flat on first use."""
        key = (instrument.symbol, side)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(instrument, side)
        return found

    def held_lots(self, symbol: str, side: str) -> int:
        """Signed lots held; 0 when there is no position."""
        found = self.positions.get((symbol, side))
        return found.lots if found is not None else 0

    def held(self) -> list[Position]:
        """Positions that are not flat."""
        return [position for position in self.positions.values() if position.lots]

    def in_liquidation(self, symbol: str = "") -> bool:
        """Is the cross wallet being liquidated, or an isolated position of this symbol (any, without one)?"""
        return any(not symbol or name.split()[0] in ("CROSS", symbol) for name in self.liquidating)

    def margin_wallet(self) -> int:
        """What the wallets count for as margin, in 1e-8 dollars: USDT alone, or every asset in multi-assets mode."""
        if self.multi_assets and self.collateral is not None:
            return self.collateral.total(self.wallets)
        return self.wallets.get("USDT", 0)

    def remember(self, order: Order) -> None:
        """Index a new order."""
        self.open_orders[order.order_id] = order
        self.open_client_ids[order.client_id] = order
        self.orders_by_id[order.order_id] = order
        self.orders_by_client_id[(order.symbol, order.client_id)] = order
        self.order_shelf.put(order)

    def close_order(self, order: Order) -> None:
        """Drop an order from the open indexes."""
        self.open_orders.pop(order.order_id, None)
        if self.open_client_ids.get(order.client_id) is order:
            del self.open_client_ids[order.client_id]

    def remember_algo(self, algo: AlgoOrder) -> None:
        """Index a new conditional order."""
        self.open_algos[algo.algo_id] = algo
        self.algos_by_id[algo.algo_id] = algo
        self.algos_by_client_id[algo.client_id] = algo
        self.algo_shelf.put(algo)

    def forget(self, now_ms: int) -> None:
        """Let go of orders that nobody finds any more; an id that was used again goes on naming the newer order."""
        for order in self.order_shelf.cleared(now_ms):
            del self.orders_by_id[order.order_id]
            key = (order.symbol, order.client_id)
            if self.orders_by_client_id.get(key) is order:
                del self.orders_by_client_id[key]
        for algo in self.algo_shelf.cleared(now_ms):
            del self.algos_by_id[algo.algo_id]
            if self.algos_by_client_id.get(algo.client_id) is algo:
                del self.algos_by_client_id[algo.client_id]

    def commission(self, notional: int, maker: bool, bnb_price_e8: int) -> tuple[int, str]:
        """Fee of a fill: (amount in 1e-8, asset). BNB pays 10 % less when enabled and sufficient, else the quote."""
        rate = self.maker_rate if maker else self.taker_rate
        fee = (notional * rate + RATE_SCALE // 2) // RATE_SCALE
        if self.fee_burn and bnb_price_e8 > 0:
            in_bnb = fee * BNB_DISCOUNT_PERCENT * QUOTE_SCALE // (100 * bnb_price_e8)
            if self.wallets.get("BNB", 0) >= in_bnb > 0:
                return in_bnb, "BNB"
        return fee, "USDT"

    def conservation_error(self) -> dict[str, int]:
        """What the books do not explain, in 1e-8 per asset; all zero when money is conserved.

        Wallet = deposits + realized - commission + funding + insurance + exchanged, and the cash of all fills equals
        realized profit minus the cost of what is still held.
        """
        errors = {}
        for asset in sorted(self.wallets):
            expected = self.deposits.get(asset, 0) - self.commission_total.get(asset, 0)
            expected += self.exchanged.get(asset, 0)
            if asset == "USDT":
                expected += self.realized_total + self.funding_total + self.insurance_total
            errors[asset] = self.wallets[asset] - expected
        open_cost = sum(position.cost for position in self.positions.values())
        errors["fills"] = self.fill_cash - (self.realized_total - open_cost)
        return errors
