"""Reads of the account: the snapshot that reconciliation trusts, fills with client ids, modes, fees, key rights."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from vortex.adapters.binance import endpoints, rest_wire, translate
from vortex.adapters.binance.concurrently import together
from vortex.adapters.binance.grid import finite
from vortex.adapters.binance.remembered import Remembered
from vortex.adapters.binance.rest import Params, RestClient
from vortex.adapters.binance.translate import Instruments
from vortex.domain.orders import VenueBalance, VenueFill, VenueOrder
from vortex.domain.outcomes import SnapshotTaken
from vortex.kernel.errors import OutcomeUnknown, VenueRejected

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS - 1  # the exchange answers at most seven days at once
LOOK_BACK_MS = 89 * DAY_MS  # it keeps fills for three months
ROWS_MAX = 1_000
PAGES_MAX = 100
KNOWN_IDS_MAX = 20_000

ALREADY_SET = frozenset({-4046, -4059, -4171})
"""Codes of a mode change that say: it is so already."""

BNB_DISCOUNT = Decimal("0.9")

_ORDERS = msgspec.json.Decoder(list[rest_wire.Order])
_ALGOS = msgspec.json.Decoder(list[rest_wire.AlgoOrder])
_TRADES = msgspec.json.Decoder(list[rest_wire.UserTrade])
_POSITIONS = msgspec.json.Decoder(list[rest_wire.Position])
_ACCOUNT = msgspec.json.Decoder(rest_wire.Account)
_ACCOUNT_CONFIG = msgspec.json.Decoder(rest_wire.AccountConfig)
_SYMBOL_CONFIG = msgspec.json.Decoder(list[rest_wire.SymbolConfig])
_COMMISSION = msgspec.json.Decoder(rest_wire.CommissionRate)
_FEE_BURN = msgspec.json.Decoder(rest_wire.FeeBurn)
_RIGHTS = msgspec.json.Decoder(rest_wire.KeyRights)
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


class AccountReader:
    """Everything that is asked of the account. `symbols` are those whose fills a whole-account snapshot must cover
    even when they have neither a position nor an order any more. `remembered` saves asking again what was asked lately,
    by a former incarnation too."""

    def __init__(self, rest: RestClient, symbols: Iterable[str] = (), remembered: Remembered | None = None) -> None:
        self._rest = rest
        self._symbols = tuple(symbols)
        self._remembered = remembered or Remembered()
        self._client_ids: dict[tuple[str, int], str] = {}

    def remember(self, order: VenueOrder) -> None:
        """Note which client id an exchange id belongs to; fills of userTrades name only the latter."""
        if order.is_algo:
            if order.child_order_id:
                self._note(order.symbol, order.child_order_id, order.client_order_id)
        else:
            self._note(order.symbol, order.venue_order_id, order.client_order_id)

    async def snapshot(
        self, token: int, symbol: str, since_ms: int, instruments: Instruments, *, quick: bool = False
    ) -> SnapshotTaken:
        """Orders, algo orders, positions, balance and fills since `since_ms`; an empty symbol means the account.

        A quick one lists the orders of our symbols and of those with a position one by one, for a fortieth of the
        weight, while the whole account was listed within the last minute.
        """
        asked_mono_ns, taken_ms = self._rest.clock.mono(), self._rest.venue_ms()
        of_symbol: Params = {"symbol": symbol} if symbol else {}
        narrow = quick and not symbol and self._remembered.listed(self._symbols, taken_ms)
        listed, positions, account = await together(
            self._open_orders(self._symbols if narrow else (symbol,), instruments),
            self._rest.read(endpoints.POSITIONS, of_symbol, _POSITIONS),
            self._rest.read(endpoints.ACCOUNT, {}, _ACCOUNT),
        )
        held = translate.from_positions(positions, instruments)
        open_orders: tuple[VenueOrder, ...] = listed
        if narrow:
            others = sorted({position.symbol for position in held} - {*self._symbols})
            open_orders += await self._open_orders(others, instruments)
        elif not symbol:
            self._remembered.learn_listing(self._symbols, taken_ms)
        asked = {symbol} if symbol else {*self._symbols}
        asked |= {order.symbol for order in open_orders} | {position.symbol for position in held}
        fills = await together(*(self.fills(name, since_ms, taken_ms, instruments) for name in sorted(asked)))
        return SnapshotTaken(
            token=token,
            symbol=symbol,
            orders=open_orders,
            positions=held,
            balance=translate.from_account(account, taken_ms),
            fills=tuple(fill for of_one in fills for fill in of_one),
            taken_ms=taken_ms,
            asked_mono_ns=asked_mono_ns,
        )

    async def _open_orders(self, symbols: Sequence[str], instruments: Instruments) -> tuple[VenueOrder, ...]:
        """Open orders of both kinds; an empty symbol means the account."""
        asked: list[Params] = [{"symbol": symbol} if symbol else {} for symbol in symbols]
        orders, algos = await together(
            together(*(self._rest.read(endpoints.OPEN_ORDERS, params, _ORDERS) for params in asked)),
            together(*(self._rest.read(endpoints.OPEN_ALGOS, params, _ALGOS) for params in asked)),
        )
        found = (
            *(translate.from_order(wire, instruments, listed_open=True) for page in orders for wire in page),
            *(translate.from_algo(wire, instruments, listed_open=True) for page in algos for wire in page),
        )
        for order in found:
            self.remember(order)
        return found

    async def balance(self) -> VenueBalance:
        """Account totals now; the user stream says nothing when resting orders block margin."""
        asked_ms = self._rest.venue_ms()
        return translate.from_account(await self._rest.read(endpoints.ACCOUNT, {}, _ACCOUNT), asked_ms)

    async def fills(self, symbol: str, since_ms: int, until_ms: int, instruments: Instruments) -> list[VenueFill]:
        """Fills of a symbol in time order, in windows of seven days, paged by trade id within a full window."""
        rows: dict[int, rest_wire.UserTrade] = {}
        start_ms = max(min(since_ms, until_ms), until_ms - LOOK_BACK_MS, 0)
        while start_ms <= until_ms:
            end_ms = start_ms + WINDOW_MS
            page = await self._trades({"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": ROWS_MAX})
            rows.update((row.id, row) for row in page)
            if len(page) >= ROWS_MAX:
                rows.update(await self._trades_from(symbol, page[-1].id + 1))
                break
            start_ms = end_ms + 1
        return await self._named(symbol, [rows[trade_id] for trade_id in sorted(rows)], instruments)

    async def fills_of_order(self, symbol: str, order_id: int, instruments: Instruments) -> tuple[VenueFill, ...]:
        """Fills of one order; for a triggered stop that is its child."""
        rows = await self._trades({"symbol": symbol, "orderId": order_id, "limit": ROWS_MAX})
        mine = [row for row in rows if row.order_id == order_id]
        return tuple(await self._named(symbol, mine, instruments))

    async def _trades(self, params: Params) -> list[rest_wire.UserTrade]:
        return await self._rest.read(endpoints.USER_TRADES, params, _TRADES)

    async def _trades_from(self, symbol: str, trade_id: int) -> dict[int, rest_wire.UserTrade]:
        """Everything from a trade id on. More pages than the limit is no information, never a shorter list."""
        rows: dict[int, rest_wire.UserTrade] = {}
        for _ in range(PAGES_MAX):
            page = await self._trades({"symbol": symbol, "fromId": trade_id, "limit": ROWS_MAX})
            rows.update((row.id, row) for row in page)
            if len(page) < ROWS_MAX:
                return rows
            trade_id = page[-1].id + 1
        raise OutcomeUnknown(f"{symbol}: more than {PAGES_MAX} pages of fills")

    async def _named(self, symbol: str, rows: list[rest_wire.UserTrade], instruments: Instruments) -> list[VenueFill]:
        unknown = {row.order_id for row in rows if (symbol, row.order_id) not in self._client_ids}
        if unknown:
            await self._learn_ids(symbol, unknown)
        return [
            translate.from_trade(row, instruments, self._client_ids.get((symbol, row.order_id), "")) for row in rows
        ]

    async def _learn_ids(self, symbol: str, unknown: set[int]) -> None:
        """allOrders from the oldest unknown id on: a thousand names for the price of one call."""
        order_id, newest = min(unknown), max(unknown)
        for _ in range(PAGES_MAX):
            params: Params = {"symbol": symbol, "orderId": order_id, "limit": ROWS_MAX}
            page = await self._rest.read(endpoints.ALL_ORDERS, params, _ORDERS)
            for row in page:
                self._note(symbol, row.order_id, row.client_order_id)
            if len(page) < ROWS_MAX or page[-1].order_id >= newest:
                return
            order_id = page[-1].order_id + 1

    def _note(self, symbol: str, order_id: int, client_order_id: str) -> None:
        if len(self._client_ids) >= KNOWN_IDS_MAX:
            self._client_ids.pop(next(iter(self._client_ids)))
        self._client_ids[symbol, order_id] = client_order_id

    async def ensure_modes(self, symbols: Iterable[str]) -> None:
        """One-way, single-asset, cross margin (S2). Refusals other than "it is so already" are raised."""
        config = await self._rest.read(endpoints.ACCOUNT_CONFIG, {}, _ACCOUNT_CONFIG)
        if config.dual_side_position:
            await self._set(endpoints.SET_POSITION_MODE, {"dualSidePosition": "false"})
        if config.multi_assets_margin:
            await self._set(endpoints.SET_MULTI_ASSETS, {"multiAssetsMargin": "false"})
        found = await self._rest.read(endpoints.SYMBOL_CONFIG, {}, _SYMBOL_CONFIG)
        crossed = {row.symbol for row in found if row.margin_type == "CROSSED"}
        for symbol in symbols:
            if symbol not in crossed:
                await self._set(endpoints.SET_MARGIN_TYPE, {"symbol": symbol, "marginType": "CROSSED"})

    async def _set(self, call: endpoints.Call, params: Params) -> None:
        try:
            await self._rest.read(call, params, _ANYTHING)
        except VenueRejected as err:
            if err.code not in ALREADY_SET:
                raise

    async def fee_rates(self, symbols: Iterable[str]) -> dict[str, tuple[Decimal, Decimal]]:
        """Maker and taker rates in force (P-5), asked for again after an hour.

        The BNB discount holds only while there is BNB to pay with.
        """
        now_ms = self._rest.venue_ms()
        known = {symbol: self._remembered.fees(symbol, now_ms) for symbol in symbols}
        rates = {symbol: fees for symbol, fees in known.items() if fees is not None}
        missing = [symbol for symbol in known if symbol not in rates]
        if missing:
            factor = await self._discount()
            for symbol in missing:
                rates[symbol] = await self._rates(symbol, factor)
                self._remembered.learn_fees(symbol, *rates[symbol], now_ms)
        return rates

    async def _discount(self) -> Decimal:
        """What paying fees in BNB leaves of them; 1 without BNB."""
        burn = await self._rest.read(endpoints.FEE_BURN, {}, _FEE_BURN)
        if not burn.fee_burn:
            return Decimal(1)
        account = await self._rest.read(endpoints.ACCOUNT, {}, _ACCOUNT)
        pays = any(asset.asset == "BNB" and finite(asset.wallet_balance, "BNB") > 0 for asset in account.assets)
        return BNB_DISCOUNT if pays else Decimal(1)

    async def _rates(self, symbol: str, factor: Decimal) -> tuple[Decimal, Decimal]:
        said = await self._rest.read(endpoints.COMMISSION_RATE, {"symbol": symbol}, _COMMISSION)
        maker = finite(said.maker_commission_rate, "makerCommissionRate")
        return maker * factor, finite(said.taker_commission_rate, "takerCommissionRate") * factor

    async def key_rights(self) -> rest_wire.KeyRights | None:
        """What the key may do; None where the exchange has no such call (everywhere but live)."""
        if not self._rest.serves(endpoints.Host.SPOT):
            return None
        return await self._rest.read(endpoints.KEY_RIGHTS, {}, _RIGHTS)
