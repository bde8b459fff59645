"""The exchange behind `vortex.ports.VenuePort`: orders, cancels, questions, snapshots, over REST."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from vortex.adapters.binance import endpoints, instruments, rest_wire, translate
from vortex.adapters.binance.account import AccountReader
from vortex.adapters.binance.errors import MISSING_ORDER, UNKNOWN_SYMBOL
from vortex.adapters.binance.instruments import Listing
from vortex.adapters.binance.market_reader import MarketReader
from vortex.adapters.binance.remembered import Remembered
from vortex.adapters.binance.rest import Params, RestClient
from vortex.domain.instruments import Instrument
from vortex.domain.market import Candle, Interval, Trade
from vortex.domain.orders import OrderKind, OrderSpec, OrderState, VenueBalance, VenueFill, VenueOrder
from vortex.domain.outcomes import SnapshotTaken
from vortex.kernel.errors import NotSent, OutcomeUnknown, RemoteViolation, VenueRejected

_ORDER = msgspec.json.Decoder(rest_wire.Order)
_ALGO = msgspec.json.Decoder(rest_wire.AlgoOrder)
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


class BinanceVenue:
    """Implements VenuePort. Methods raise VenueRejected, NotSent with RateLimited, OutcomeUnknown, nothing else.

    An answer that breaks the protocol is OutcomeUnknown too: we learned nothing. `market` and `account` carry the
    calls that are not part of the port (polls, modes, key rights).
    """

    def __init__(self, rest: RestClient, symbols: Iterable[str] = (), remembered: Remembered | None = None) -> None:
        self._rest = rest
        self._listing: Listing | None = None
        self.account = AccountReader(rest, symbols, remembered)
        self.market = MarketReader(rest)

    async def start(self) -> None:
        """Open the session, measure the clock, read the instruments."""
        await self._rest.start()
        await self.instruments()

    async def close(self) -> None:
        """Close the session."""
        await self._rest.close()

    def venue_ms(self) -> int:
        """Exchange clock now, in ms."""
        return self._rest.venue_ms()

    @property
    def known_instruments(self) -> dict[str, Instrument]:
        """Every symbol the exchange lists, for decoding; empty before `instruments` was read."""
        return self._listing.known if self._listing else {}

    async def instruments(self) -> dict[str, Instrument]:
        """Trading perpetuals by symbol, read anew."""
        self._listing = await instruments.load(self._rest)
        return self._listing.tradable

    async def submit(self, spec: OrderSpec, stamp_ms: int) -> VenueOrder:
        """Send one order under its stamp; never repeated here (decision 5, S3-6)."""
        try:
            known = await self._known()
        except OutcomeUnknown as err:
            raise NotSent("the instruments could not be read") from err
        if spec.symbol not in known:
            raise VenueRejected(UNKNOWN_SYMBOL, f"{spec.symbol} is not listed")
        instrument = known[spec.symbol]
        try:
            if spec.is_algo:
                params = algo_params(spec, instrument)
                placed = await self._rest.place(endpoints.PLACE_ALGO, params, stamp_ms, _ALGO)
                order = translate.from_algo(placed, known)
            else:
                params = order_params(spec, instrument)
                order = translate.from_order(
                    await self._rest.place(endpoints.PLACE_ORDER, params, stamp_ms, _ORDER), known
                )
        except RemoteViolation as err:
            raise OutcomeUnknown(f"{spec.client_order_id}: {err}") from err
        self.account.remember(order)
        return order

    async def cancel(self, client_order_id: str, symbol: str, *, is_algo: bool) -> None:
        """Cancel one order; -2011, -2013 and -4117 arrive as VenueRejected and mean: ask what became of it."""
        if is_algo:
            await self._rest.read(endpoints.CANCEL_ALGO, {"clientAlgoId": client_order_id}, _ANYTHING)
        else:
            params = {"symbol": symbol, "origClientOrderId": client_order_id}
            await self._rest.read(endpoints.CANCEL_ORDER, params, _ANYTHING)

    async def query(
        self, client_order_id: str, symbol: str, *, is_algo: bool
    ) -> tuple[VenueOrder | None, tuple[VenueFill, ...]]:
        """What the exchange says of one id; `(None, ())` only for its own word that it knows no such order (-2013).

        A triggered conditional order is described by its child: state, executed quantity, fills.
        """
        known = await self._known()
        try:
            if is_algo:
                return await self._query_algo(client_order_id, symbol, known)
            return await self._query_order({"symbol": symbol, "origClientOrderId": client_order_id}, known)
        except RemoteViolation as err:
            raise OutcomeUnknown(f"{client_order_id}: {err}") from err

    async def _query_order(
        self, params: Params, known: dict[str, Instrument]
    ) -> tuple[VenueOrder | None, tuple[VenueFill, ...]]:
        try:
            order = translate.from_order(await self._rest.read(endpoints.GET_ORDER, params, _ORDER), known)
        except VenueRejected as err:
            if err.code == MISSING_ORDER:
                return None, ()
            raise
        self.account.remember(order)
        if not order.executed_lots:
            return order, ()
        return order, await self.account.fills_of_order(order.symbol, order.venue_order_id, known)

    async def _query_algo(
        self, client_order_id: str, symbol: str, known: dict[str, Instrument]
    ) -> tuple[VenueOrder | None, tuple[VenueFill, ...]]:
        try:
            wire = await self._rest.read(endpoints.GET_ALGO, {"clientAlgoId": client_order_id}, _ALGO)
        except VenueRejected as err:
            if err.code == MISSING_ORDER:
                return None, ()
            raise
        parent = translate.from_algo(wire, known)
        if not parent.child_order_id:
            return parent, ()
        self.account.remember(parent)
        child, fills = await self._query_order({"symbol": symbol, "orderId": parent.child_order_id}, known)
        return (parent if child is None else led_by(parent, child)), fills

    async def snapshot(self, token: int, symbol: str, since_ms: int, *, quick: bool = False) -> SnapshotTaken:
        """The exchange's facts (S3-9). A quick one may leave out orders of symbols that were listed a moment ago and
        are neither ours nor held."""
        known = await self._known()
        try:
            return await self.account.snapshot(token, symbol, since_ms, known, quick=quick)
        except RemoteViolation as err:
            raise OutcomeUnknown(f"snapshot: {err}") from err

    async def balance(self) -> VenueBalance:
        """Account totals in quote units."""
        try:
            return await self.account.balance()
        except RemoteViolation as err:
            raise OutcomeUnknown(f"balance: {err}") from err

    async def cancel_all(self, symbol: str) -> None:
        """Cancel regular and conditional orders: the exchange keeps them apart. Both are tried."""
        try:
            await self._rest.read(endpoints.CANCEL_ALL_ORDERS, {"symbol": symbol}, _ANYTHING)
        finally:
            await self._rest.read(endpoints.CANCEL_ALL_ALGOS, {"symbol": symbol}, _ANYTHING)

    async def arm_dead_man(self, symbol: str, countdown_ms: int) -> None:
        """Cancel the symbol's regular orders unless called again in time; 0 disarms (S3-8)."""
        await self._rest.read(endpoints.DEAD_MAN, {"symbol": symbol, "countdownTime": countdown_ms}, _ANYTHING)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set the symbol's leverage."""
        await self._rest.read(endpoints.SET_LEVERAGE, {"symbol": symbol, "leverage": leverage}, _ANYTHING)

    async def ensure_account_modes(self, symbols: Iterable[str]) -> None:
        """One-way, single-asset, cross margin."""
        await self.account.ensure_modes(symbols)

    async def fee_rates(self, symbols: Iterable[str]) -> dict[str, tuple[Decimal, Decimal]]:
        """Maker and taker rates in force by symbol, as fractions (P-5)."""
        try:
            return await self.account.fee_rates(symbols)
        except RemoteViolation as err:
            raise OutcomeUnknown(f"fee rates: {err}") from err

    async def candles(self, symbol: str, interval: Interval, limit: int) -> list[Candle]:
        """The newest candles, oldest first."""
        return await self.market.candles(symbol, interval, limit)

    async def agg_trades(self, symbol: str, from_id: int | None, limit: int) -> list[Trade]:
        """Aggregate trades from an id on, or the newest."""
        return await self.market.agg_trades(symbol, from_id, limit)

    async def top_volume_symbol(self, exclude: Iterable[str]) -> str | None:
        """The most traded perpetual of the day outside `exclude` (P-1)."""
        await self._known()
        assert self._listing is not None, "known instruments come from the listing"
        return await self.market.top_volume_symbol(self._listing.tradable, frozenset(exclude))

    async def _known(self) -> dict[str, Instrument]:
        if self._listing is None:
            await self.instruments()
        assert self._listing is not None, "reading the instruments sets the listing"
        return self._listing.known


def order_params(spec: OrderSpec, instrument: Instrument) -> dict[str, str | int]:
    """A LIMIT or MARKET order as the exchange wants it; the flag reduceOnly exempts it from -1008."""
    params: dict[str, str | int] = {
        "symbol": spec.symbol,
        "side": spec.side.value,
        "type": spec.kind.value,
        "quantity": plain(instrument.quantity(spec.qty_lots)),
    }
    if spec.kind is OrderKind.LIMIT:
        params |= {"timeInForce": spec.time_in_force.value, "price": plain(instrument.price(spec.px_ticks))}
    if spec.reduce_only:
        params["reduceOnly"] = "true"
    return params | {"newClientOrderId": spec.client_order_id, "newOrderRespType": "RESULT"}


def algo_params(spec: OrderSpec, instrument: Instrument) -> dict[str, str | int]:
    """A STOP_MARKET order for the conditional-order service: whole position, or a quantity."""
    params: dict[str, str | int] = {
        "algoType": "CONDITIONAL",
        "symbol": spec.symbol,
        "side": spec.side.value,
        "type": spec.kind.value,
        "triggerPrice": plain(instrument.price(spec.trigger_ticks)),
        "workingType": "CONTRACT_PRICE",
    }
    if spec.close_position:
        params["closePosition"] = "true"
    else:
        params["quantity"] = plain(instrument.quantity(spec.qty_lots))
        if spec.reduce_only:
            params["reduceOnly"] = "true"
    return params | {"clientAlgoId": spec.client_order_id, "newOrderRespType": "RESULT"}


def plain(value: Decimal) -> str:
    """Decimal without an exponent: the exchange refuses 1E-5."""
    return format(value, "f")


def led_by(parent: VenueOrder, child: VenueOrder) -> VenueOrder:
    """A triggered conditional order with its child's truth: accepted while the child works, then filled or expired."""
    ended = child.state.is_terminal
    return msgspec.structs.replace(
        parent,
        state=translate.after_trigger(child.executed_lots) if ended else OrderState.ACCEPTED,
        executed_lots=child.executed_lots,
        avg_px=child.avg_px,
        update_ms=max(parent.update_ms, child.update_ms),
        reason=parent.reason if ended else translate.TRIGGERED,
    )


if TYPE_CHECKING:
    from vortex.ports import VenuePort

    _FITS: Callable[[RestClient], VenuePort] = BinanceVenue
