"""exchangeInfo to instruments: everything the exchange lists can be decoded, only trading perpetuals are offered."""

from decimal import ROUND_CEILING, Decimal

import msgspec

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.rest_wire import ExchangeInfo, Filter, SymbolInfo
from vortex.domain.instruments import Instrument
from vortex.kernel.errors import RemoteViolation

_EXCHANGE_INFO = msgspec.json.Decoder(ExchangeInfo, strict=False)
_TRADABLE = frozenset({"PERPETUAL"})
_NO_BAND = Filter(
    "", limit=200, multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95")
)  # what most symbols have, for one that does not say


class Listing(msgspec.Struct, frozen=True):
    """What exchangeInfo said: `known` for decoding anything, `tradable` for trading, `unreadable` for the doctor."""

    known: dict[str, Instrument]
    tradable: dict[str, Instrument]
    unreadable: tuple[str, ...]


async def load(rest: RestClient) -> Listing:
    """Read exchangeInfo."""
    return listing(await rest.read(endpoints.EXCHANGE_INFO, {}, _EXCHANGE_INFO))


def listing(info: ExchangeInfo) -> Listing:
    """One odd symbol must not cost us the others: it is left out and named."""
    known: dict[str, Instrument] = {}
    tradable: dict[str, Instrument] = {}
    unreadable: list[str] = []
    for symbol in info.symbols:
        try:
            instrument = to_instrument(symbol)
        except (RemoteViolation, ArithmeticError):  # comparing a NaN is an arithmetic error
            unreadable.append(symbol.symbol)
            continue
        known[symbol.symbol] = instrument
        if symbol.contract_type in _TRADABLE and symbol.status == "TRADING":
            tradable[symbol.symbol] = instrument
    return Listing(known, tradable, tuple(unreadable))


def to_instrument(info: SymbolInfo) -> Instrument:
    """A symbol's filters as an instrument."""
    filters = {entry.filter_type: entry for entry in info.filters}
    price, lot = _filter(info, filters, "PRICE_FILTER"), _filter(info, filters, "LOT_SIZE")
    if price.tick_size <= 0 or lot.step_size <= 0:
        raise RemoteViolation(f"{info.symbol}: no tick or no step")
    market = filters.get("MARKET_LOT_SIZE", lot)
    band = filters.get("PERCENT_PRICE", _NO_BAND)
    return Instrument(
        symbol=info.symbol,
        base=info.base_asset,
        quote=info.quote_asset,
        tick_size=price.tick_size,
        step_size=lot.step_size,
        min_price=price.min_price,
        max_price=price.max_price,
        min_lots=int((lot.min_qty / lot.step_size).to_integral_value(ROUND_CEILING)),
        max_lots=int(lot.max_qty // lot.step_size),
        market_max_lots=int(market.max_qty // lot.step_size),
        min_notional=filters.get("MIN_NOTIONAL", _NO_BAND).notional,
        max_open_orders=filters.get("MAX_NUM_ORDERS", _NO_BAND).limit,
        percent_up=band.multiplier_up,
        percent_down=band.multiplier_down,
    )


def _filter(info: SymbolInfo, filters: dict[str, Filter], name: str) -> Filter:
    try:
        return filters[name]
    except KeyError as err:
        raise RemoteViolation(f"{info.symbol}: no {name}") from err
