"""Shapes of the exchange's REST answers, only the fields we use; unknown fields and enum values are tolerated."""

from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class Wire(msgspec.Struct, rename="camel"):
    """Keys are the snake_case names in camelCase."""


class Filter(Wire):
    """One element of a symbol's `filters`; which fields it has depends on its type."""

    filter_type: str
    tick_size: Decimal = ZERO
    step_size: Decimal = ZERO
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    min_qty: Decimal = ZERO
    max_qty: Decimal = ZERO
    notional: Decimal = ZERO
    limit: int = 0
    multiplier_up: Decimal = ZERO
    multiplier_down: Decimal = ZERO


class SymbolInfo(Wire):
    """A symbol of exchangeInfo."""

    symbol: str
    contract_type: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]


class ExchangeInfo(Wire):
    """exchangeInfo."""

    symbols: list[SymbolInfo]


class Order(Wire):
    """A regular order, from POST, DELETE, GET or a list; POST and DELETE carry no `avgPrice`."""

    order_id: int
    symbol: str
    status: str
    client_order_id: str
    side: str
    type: str
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    update_time: int
    orig_type: str = ""
    avg_price: Decimal = ZERO
    stop_price: Decimal = ZERO
    reduce_only: bool = False
    close_position: bool = False


class AlgoOrder(Wire):
    """A conditional order. The `actual…` texts are empty until the trigger."""

    algo_id: int
    client_algo_id: str
    order_type: str
    symbol: str
    side: str
    algo_status: str
    trigger_price: Decimal
    price: Decimal
    update_time: int
    quantity: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    actual_order_id: str | None = None
    actual_price: str | None = None
    actual_qty: str | None = None


class UserTrade(Wire):
    """A fill; it names its order by the exchange's id only."""

    symbol: str
    id: int
    order_id: int
    side: str
    price: Decimal
    qty: Decimal
    realized_pnl: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    maker: bool


class Position(Wire):
    """positionRisk v3: symbols with a position or open orders only."""

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    update_time: int


class Asset(Wire):
    """One asset of the account."""

    asset: str
    wallet_balance: Decimal


class Account(Wire):
    """account v3 totals; USDT in single-asset mode."""

    total_wallet_balance: Decimal
    total_margin_balance: Decimal
    total_initial_margin: Decimal
    available_balance: Decimal
    assets: list[Asset] = []


class AccountConfig(Wire):
    """accountConfig."""

    dual_side_position: bool
    multi_assets_margin: bool
    can_trade: bool = True


class SymbolConfig(Wire):
    """symbolConfig."""

    symbol: str
    margin_type: str
    leverage: int


class CommissionRate(Wire):
    """commissionRate: fractions."""

    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class FeeBurn(Wire):
    """feeBurn: commissions are paid in BNB at a discount."""

    fee_burn: bool


class Premium(Wire):
    """premiumIndex of one symbol."""

    symbol: str
    mark_price: float
    index_price: float
    last_funding_rate: float
    next_funding_time: int
    time: int


class OpenInterestNow(Wire):
    """openInterest, base units."""

    symbol: str
    open_interest: float
    time: int


class OpenInterestPeriod(Wire):
    """A row of openInterestHist; `timestamp` ends the period."""

    sum_open_interest: float
    timestamp: int


class RatioPeriod(Wire):
    """A row of the long/short account ratios; `timestamp` ends the period."""

    long_account: float
    timestamp: int


class AggTrade(msgspec.Struct):
    """A row of aggTrades."""

    id: int = msgspec.field(name="a")
    px: float = msgspec.field(name="p")
    qty: float = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class Kline(msgspec.Struct, array_like=True):
    """A row of klines: 12 elements, the last ignored."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    close_time: int
    quote_volume: float
    trades: int
    taker_buy_volume: float


class Ticker(Wire):
    """A row of ticker/24hr."""

    symbol: str
    quote_volume: float


class KeyRights(msgspec.Struct, rename="camel", frozen=True):
    """What the API key may do (key-rights call of the spot host)."""

    enable_futures: bool = False
    enable_withdrawals: bool = False
    ip_restrict: bool = False
    enable_reading: bool = False
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    enable_margin: bool = False
    enable_spot_and_margin_trading: bool = False
    enable_vanilla_options: bool = False


class ListenKey(Wire):
    """listenKey."""

    listen_key: str
