"""Where the exchange lives and what each of its calls costs, so that no path or weight is written twice."""

import enum

import msgspec


class Urls(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs without trailing slash. Market data and trading are separate, so that one may be real and one not.

    `spot_rest` serves the key-rights call and is empty where that does not exist (testnet, loopback).
    """

    rest: str
    streams: str
    user_streams: str
    market_rest: str
    spot_rest: str = ""


LIVE = Urls(
    rest="https://fapi.binance.com",
    streams="wss://fstream.binance.com",
    user_streams="wss://fstream.binance.com",
    market_rest="https://fapi.binance.com",
    spot_rest="https://api.binance.com",
)

TESTNET = Urls(
    rest="https://demo-fapi.binance.com",
    streams="wss://demo-fstream.binance.com",
    user_streams="wss://demo-fstream.binance.com",
    market_rest="https://demo-fapi.binance.com",
)


def custom(rest: str, streams: str) -> Urls:
    """URLs of any server that speaks the same protocol, for example the simulated exchange on loopback."""
    rest, streams = rest.rstrip("/"), streams.rstrip("/")
    return Urls(rest=rest, streams=streams, user_streams=streams, market_rest=rest)


class Route(enum.StrEnum):
    """A socket serves exactly one route; a stream asked for on the wrong one is silent."""

    PUBLIC = "public"
    MARKET = "market"


PUBLIC_STREAMS = ("depth20@100ms", "bookTicker")
MARKET_STREAMS = ("aggTrade", "kline_1m", "kline_3m", "kline_5m", "kline_15m", "markPrice@1s", "forceOrder")
STREAMS_PER_SOCKET_MAX = 1024  # the exchange's own limit since 2025-07


def stream_names(route: Route, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """The E0-1 streams of a route for these symbols."""
    kinds = PUBLIC_STREAMS if route is Route.PUBLIC else MARKET_STREAMS
    names = tuple(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds)
    assert len(names) <= STREAMS_PER_SOCKET_MAX, f"{len(names)} streams on one socket"
    return names


def stream_url(urls: Urls, route: Route, symbols: tuple[str, ...]) -> str:
    """Combined URL of a route: subscription by URL spends nothing of the message budget."""
    return f"{urls.streams}/{route.value}/stream?streams={'/'.join(stream_names(route, symbols))}"


def user_stream_url(urls: Urls, listen_key: str) -> str:
    """Raw user-data socket of a listen key."""
    return f"{urls.user_streams}/private/ws?listenKey={listen_key}"


class Security(enum.Enum):
    """What a call must carry."""

    OPEN = "open"
    KEY = "key"
    SIGNED = "signed"


class Host(enum.Enum):
    """Which base URL a call goes to."""

    TRADING = "trading"
    MARKET = "market"
    SPOT = "spot"


class Purpose(enum.Enum):
    """What a failure of the call would leave open; classification depends on it."""

    ORDER = "order"
    CANCEL = "cancel"
    SETTING = "setting"
    READ = "read"
    POLL = "poll"


class Call(msgspec.Struct, frozen=True):
    """One endpoint: weight is IP weight, `orders` its count on both order limits."""

    method: str
    path: str
    purpose: Purpose
    security: Security = Security.SIGNED
    weight: int = 1
    orders: int = 0
    host: Host = Host.TRADING


def _market(path: str, weight: int = 1) -> Call:
    return Call("GET", path, Purpose.POLL, Security.OPEN, weight, 0, Host.MARKET)


def _read(path: str, weight: int = 1) -> Call:
    return Call("GET", path, Purpose.READ, weight=weight)


TIME = Call("GET", "/fapi/v1/time", Purpose.READ, Security.OPEN)
EXCHANGE_INFO = Call("GET", "/fapi/v1/exchangeInfo", Purpose.READ, Security.OPEN)
KLINES = _market("/fapi/v1/klines", 10)
AGG_TRADES = _market("/fapi/v1/aggTrades", 20)
PREMIUM_INDEX = _market("/fapi/v1/premiumIndex")
OPEN_INTEREST = _market("/fapi/v1/openInterest")
TICKER_24H = _market("/fapi/v1/ticker/24hr", 40)
OPEN_INTEREST_HISTORY = _market("/futures/data/openInterestHist", 0)
ALL_ACCOUNTS_RATIO = _market("/futures/data/globalLongShortAccountRatio", 0)
TOP_TRADERS_RATIO = _market("/futures/data/topLongShortAccountRatio", 0)

PLACE_ORDER = Call("POST", "/fapi/v1/order", Purpose.ORDER, weight=0, orders=1)
PLACE_ALGO = Call("POST", "/fapi/v1/algoOrder", Purpose.ORDER, weight=0, orders=1)
CANCEL_ORDER = Call("DELETE", "/fapi/v1/order", Purpose.CANCEL)
CANCEL_ALGO = Call("DELETE", "/fapi/v1/algoOrder", Purpose.CANCEL)
CANCEL_ALL_ORDERS = Call("DELETE", "/fapi/v1/allOpenOrders", Purpose.CANCEL)
CANCEL_ALL_ALGOS = Call("DELETE", "/fapi/v1/algoOpenOrders", Purpose.CANCEL)
DEAD_MAN = Call("POST", "/fapi/v1/countdownCancelAll", Purpose.CANCEL, weight=10)

GET_ORDER = _read("/fapi/v1/order")
GET_ALGO = _read("/fapi/v1/algoOrder")
OPEN_ORDERS = _read("/fapi/v1/openOrders", 40)
OPEN_ALGOS = _read("/fapi/v1/openAlgoOrders", 40)
ALL_ORDERS = _read("/fapi/v1/allOrders", 5)
USER_TRADES = _read("/fapi/v1/userTrades", 5)
POSITIONS = _read("/fapi/v3/positionRisk", 5)
ACCOUNT = _read("/fapi/v3/account", 5)
ACCOUNT_CONFIG = _read("/fapi/v1/accountConfig", 5)
SYMBOL_CONFIG = _read("/fapi/v1/symbolConfig", 5)
COMMISSION_RATE = _read("/fapi/v1/commissionRate", 20)
FEE_BURN = _read("/fapi/v1/feeBurn", 30)
KEY_RIGHTS = Call("GET", "/sapi/v1/account/apiRestrictions", Purpose.READ, host=Host.SPOT)

SET_LEVERAGE = Call("POST", "/fapi/v1/leverage", Purpose.SETTING)
SET_MARGIN_TYPE = Call("POST", "/fapi/v1/marginType", Purpose.SETTING)
SET_POSITION_MODE = Call("POST", "/fapi/v1/positionSide/dual", Purpose.SETTING)
SET_MULTI_ASSETS = Call("POST", "/fapi/v1/multiAssetsMargin", Purpose.SETTING)

OPEN_LISTEN_KEY = Call("POST", "/fapi/v1/listenKey", Purpose.SETTING, Security.KEY)
KEEP_LISTEN_KEY = Call("PUT", "/fapi/v1/listenKey", Purpose.SETTING, Security.KEY)
