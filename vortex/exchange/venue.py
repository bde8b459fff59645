"""The simulated exchange: one synchronous object that is told the time, fed the market, and asked by clients.

Direct use, without HTTP, by a deterministic simulation:

    venue = Venue(symbols=("BTCUSDT",), start_ms=source.start_ms, seed=7)
    venue.load(source.history("BTCUSDT"))
    venue.open_account("main", {"USDT": Decimal(10_000)})
    for event in source.advance(now_ms):
        outbound += venue.on_market(event, now_ms)
    outbound += venue.tick(now_ms)
    response = venue.request("main", "POST", "/fapi/v1/order", {"symbol": "BTCUSDT", ...}, now_ms)

`request` skips keys, signatures and request weight; everything else is the same code that serves HTTP: installed
faults, `timestamp`/`recvWindow` when a timestamp is sent (-1021, -5028), the order budget when `count_orders`,
parameter checks, matching. It never raises: refusals are responses with a status and {"code", "msg"}. Messages
caused by a request are in `response.events`; messages caused by market and time are returned by `on_market` and
`tick`. They are `UserEvent(account, payload)` and `StreamEvent(stream, payload)`; public streams speak only after
`subscribe(name)`. `now_ms` is exchange time, unix milliseconds, and never goes back; a call that does not know
better may repeat the last one.

One `Venue` is single-threaded and deterministic: the same calls give the same answers, byte for byte.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from vortex.exchange.account import Account
from vortex.exchange.adl import Deleveraged
from vortex.exchange.algo import AlgoService
from vortex.exchange.auth import ApiKey, check_times
from vortex.exchange.desk import Desk
from vortex.exchange.endpoints import NONE, SIGNED, TRADE, Endpoint, table
from vortex.exchange.events import Outbound, UserEvent, listen_key_expired
from vortex.exchange.faults import Fault, FaultBook
from vortex.exchange.floor import Counters, Floor, VenueRules
from vortex.exchange.gate import Admitted, Call, FaultAnswer, Gate, RawRequest, Response, with_faults
from vortex.exchange.history import FundingPoint, History
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE, Instrument
from vortex.exchange.ledger import FOR_EVER_MS
from vortex.exchange.liquidation import Liquidator
from vortex.exchange.liquidity import Liquidity
from vortex.exchange.listen_keys import ListenKeys
from vortex.exchange.listing import Listing, Print
from vortex.exchange.market_events import (
    BookState,
    DeepState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.exchange.orders import BUY, RPI, Order
from vortex.exchange.parameters import check_form
from vortex.exchange.params import Params
from vortex.exchange.publisher import Publisher
from vortex.exchange.refusal import Refusal
from vortex.exchange.request_log import RequestLog
from vortex.exchange.rest_account import AccountDesk
from vortex.exchange.rest_market import MarketData
from vortex.exchange.rest_reference import Reference
from vortex.exchange.rest_statistics import Statistics
from vortex.exchange.rest_trade import Trading
from vortex.exchange.settlement import Settlement
from vortex.exchange.streams import Stream
from vortex.kernel.rng import Rng

FUNDING_INTERVAL_MS = 28_800_000
EXPIRED_BY_DATE = "0"
DELISTED = "7"
INSURANCE_FUND = "insurance fund"


class Venue:
    """A whole exchange in one object."""

    def __init__(
        self,
        symbols: Iterable[str],
        start_ms: int,
        seed: int = 1,
        rules: VenueRules | None = None,
        instruments: Mapping[str, Instrument] = DEFAULT_INSTRUMENTS,
        impulse: Callable[[str, float], None] | None = None,
    ) -> None:
        """`impulse(symbol, percent)` moves the market source; without it `price_gap_pct` faults do nothing."""
        rng = Rng(seed, "venue")
        listed = {symbol: instruments[symbol] for symbol in symbols}
        listings = {symbol: Listing(each, start_ms) for symbol, each in listed.items()}
        rules = VenueRules() if rules is None else rules
        self.floor = Floor(
            listings, listed, rules, FaultBook(rng.fork("faults")), rng, Counters.starting_at(start_ms), now_ms=start_ms
        )
        self.floor.marks_e8.update({symbol: each.mark_e8 for symbol, each in listings.items()})
        self.publisher = Publisher(self.floor)
        self.settlement = Settlement(self.floor)
        self.liquidator = Liquidator(self.floor, self.settlement, self.publisher)
        self.desk = Desk(self.floor, self.settlement, self.publisher.printed)
        self.algos = AlgoService(self.floor, self.settlement, self.desk)
        self.listen_keys = ListenKeys(rng.fork("listen_keys"), rules.listen_key_ms)
        market = MarketData(self.floor)
        trading = Trading(self.floor, self.desk, self.algos)
        account = AccountDesk(self.floor, self.listen_keys)
        self.gate = Gate(self.floor, table(market, Reference(self.floor), Statistics(self.floor), trading, account))
        self._log = RequestLog(self.floor, self.gate)
        self._liquidity = Liquidity(self.floor.faults)
        self._impulse = impulse
        self.floor.faults.written = self._write_fault

    # --- opening --------------------------------------------------------------------------------------------

    def load(self, history: History) -> None:
        """Begin a symbol where its past ends."""
        listing = self.floor.listing(history.symbol)
        listing.load(history)
        self.floor.marks_e8[history.symbol] = listing.mark_e8

    def open_account(self, name: str, deposits: Mapping[str, Decimal]) -> Account:
        """A new account with money in it."""
        account = Account(name, collateral=self.floor.collateral)
        for asset, amount in deposits.items():
            account.deposit(asset, int(amount * QUOTE_SCALE))
        account.wallets.setdefault("USDT", 0)
        account.updated_ms = self.floor.now_ms
        self.floor.accounts[name] = account
        return account

    def add_key(self, key: ApiKey) -> None:
        """Let a key in; its account must be open."""
        assert key.account in self.floor.accounts, f"no account {key.account}"
        self.gate.keys[key.key] = key

    def revoke_key(self, named: str) -> ApiKey | None:
        """Take a key away, by its `key` or its name; None when there is no such key."""
        keys = self.gate.keys
        found = next((each for each in keys.values() if named in (each.key, each.name)), None)
        if found is not None:
            del keys[found.key]
        return found

    def subscribe(self, name: str) -> Stream | None:
        """Somebody listens to a public stream; None when there is no such stream."""
        return self.publisher.subscribe(name)

    def unsubscribe(self, name: str) -> None:
        """One listener less."""
        self.publisher.unsubscribe(name)

    # --- the market and time --------------------------------------------------------------------------------

    def on_market(self, event: MarketEvent, now_ms: int) -> list[Outbound]:
        """Something happened outside: fill whom it fills, trigger what it triggers, tell who listens."""
        floor = self.floor
        floor.now_ms = max(floor.now_ms, now_ms)
        listing = floor.listings.get(event.symbol)
        if listing is None:
            return []
        if event.ts_ms >= listing.next_funding_ms:
            self._settle_funding(listing)
        match event:
            case BookState():
                self._on_book(listing, event)
            case MarketTrade():
                self._on_trade(listing, event)
            case MarkState():
                listing.record_mark(event)
                floor.marks_e8[event.symbol] = listing.mark_e8
                self.liquidator.check(event.symbol)
                self.algos.check(event.symbol)
            case LiquidationPrint():
                self.publisher.liquidated(event)
            case OpenInterestState():
                listing.record_open_interest(event)
            case RatioState():
                listing.record_ratios(event)
            case DeepState():
                self._liquidity.deep(listing, event)
        return self._take_outbox()

    def _on_book(self, listing: Listing, event: BookState) -> None:
        def crossed(order: Order, lots: int, px: int) -> None:
            printed = listing.record_trade(event.ts_ms, px, lots, order.side == BUY)
            self.publisher.printed(listing, printed)
            self.settlement.fill(order, lots, px, True, printed.trade_id)

        before = listing.last_trade_id
        listing.book_ms = event.ts_ms
        listing.engine.market_book(*self._liquidity.book(listing, event), crossed)
        self.floor.touched.add(event.symbol)
        if listing.last_trade_id != before:
            self.algos.check(event.symbol)

    def _on_trade(self, listing: Listing, event: MarketTrade) -> None:
        self._roll(listing, event.ts_ms)
        printed = listing.record_market(event)

        def filled(order: Order, lots: int, px: int) -> None:
            if order.time_in_force == RPI:
                listing.prints.met_rpi(printed, lots)
            self.settlement.fill(order, lots, px, True, printed.trade_id)
            self.floor.touched.add(event.symbol)

        retail = listing.engine.retail_trade(event.px_ticks, event.qty_lots, event.buyer_is_maker, filled)
        self.publisher.printed(listing, printed)
        left = event.qty_lots - retail
        listing.engine.market_trade(event.px_ticks, left, event.buyer_is_maker, filled)
        self.algos.check(event.symbol)

    def _settle_funding(self, listing: Listing) -> None:
        due = listing.next_funding_ms
        self.settlement.fund(listing)
        listing.funding.append(FundingPoint(due, listing.funding_rate, listing.mark_e8 / QUOTE_SCALE))
        listing.next_funding_ms = due + FUNDING_INTERVAL_MS

    def tick(self, now_ms: int) -> list[Outbound]:
        """Time has passed: candles close, timers ring, periodic streams speak."""
        floor = self.floor
        floor.now_ms = max(floor.now_ms, now_ms)
        now = floor.now_ms
        for symbol, listing in floor.listings.items():
            self._roll(listing, now)
            if now >= listing.next_funding_ms:
                self._settle_funding(listing)
            self.algos.check(symbol)
        self.liquidator.advance()
        for account in floor.accounts.values():
            self._ring_timers(account, now)
            account.forget(now)
        for key in self.listen_keys.expire(now):
            floor.tell(key.account, listen_key_expired(key.key, now))
        self._strike_once()
        self._show_books()
        self.publisher.tick(now_ms)  # by the market's own time: a request in between has moved the clock ahead of it
        return self._take_outbox()

    def _ring_timers(self, account: Account, now: int) -> None:
        for symbol, due in list(account.countdowns.items()):
            if now >= due:
                del account.countdowns[symbol]
                self.desk.cancel_all(account, symbol)
        for order in list(account.open_orders.values()):
            if order.good_till_ms and now >= order.good_till_ms:
                self.desk.expire(order, EXPIRED_BY_DATE)

    def _roll(self, listing: Listing, now_ms: int) -> None:
        for interval, bar in listing.candles.roll(now_ms):
            self.publisher.candle_closed(listing, interval, bar)

    def _show_books(self) -> None:
        """Number and announce the books that changed."""
        for symbol in sorted(self.floor.touched):
            listing = self.floor.listing(symbol)
            listing.bump()
            self.publisher.book_changed(listing)
        self.floor.touched.clear()
        for symbol in self.floor.snapshots:
            self.publisher.snapshot_taken(symbol)
        self.floor.snapshots.clear()

    def _take_outbox(self) -> list[Outbound]:
        self._show_books()
        outbound, self.floor.outbox = self.floor.outbox, []
        return outbound

    # --- requests -------------------------------------------------------------------------------------------

    def request(
        self,
        account: str,
        method: str,
        path: str,
        params: Params,
        now_ms: int,
        *,
        count_orders: bool = False,
    ) -> Response:
        """A request whose sender is already known; see the module's docstring."""
        self.at(now_ms)
        endpoint: Endpoint | None = None
        try:
            struck = self.gate.faults_for(method, path, params)
            endpoint = self.gate.endpoint(method, path)
            if endpoint.security in (SIGNED, TRADE) and "timestamp" in params:
                check_times(params, self.gate.clocks())
            if count_orders and endpoint.orders != (0, 0):
                self.gate.spend_orders(account, endpoint)
        except (Refusal, FaultAnswer) as refused:
            return self._log.refused(refused, method, path, params, account)
        return self.execute(Admitted(method, path, params, endpoint, account, struck), now_ms)

    def receive(self, raw: RawRequest, now_ms: int) -> Admitted | Response:
        """A request off the wire: everything before the engine. Pass an Admitted on to `execute`."""
        self.at(now_ms)
        try:
            if raw.path == "/sapi/v1/account/apiRestrictions" and raw.method == "GET":
                return Response(200, self.gate.restrictions(raw))
            return self.gate.admit(raw)
        except (Refusal, FaultAnswer) as refused:
            key = self.gate.keys.get(raw.api_key or "")
            account = "" if key is None else key.account
            response = self._log.refused(refused, raw.method, raw.path, self.gate.params(raw), account)
            response.headers |= self.gate.headers(raw.address, account, None)
            return response

    def receive_call(self, call: Call, now_ms: int) -> Admitted | Response:
        """The same for a request of the WebSocket API."""
        self.at(now_ms)
        try:
            return self.gate.admit_call(call)
        except (Refusal, FaultAnswer) as refused:
            key = call.session or self.gate.keys.get(call.params.get("apiKey", ""))
            account = "" if key is None else key.account
            return self._log.refused(refused, call.method, call.path, call.params, account)

    def execute(self, admitted: Admitted, now_ms: int) -> Response:
        """Let the engine answer. State changes only when the answer is not a refusal."""
        self.at(now_ms)
        endpoint, params = admitted.endpoint, admitted.params
        try:
            account = self._account_of(admitted)
            if endpoint.engine_time_check and "timestamp" in params:
                check_times(params, self.gate.clocks(), -5028)
            check_form(admitted, strict=self.floor.rules.strict_parameters)
            body = endpoint.answer(account, params)
        except Refusal as refusal:
            response = self._log.refused(refusal, admitted.method, admitted.path, params, admitted.account)
        else:
            for symbol in sorted(self.floor.touched):
                self.algos.check(symbol)
            if admitted.path.endswith("/v1/time") or admitted.path == "/api/v3/time":
                body = {"serverTime": self.gate.clock_ms()}
            response = Response(200, body)
            self._log.done(admitted, response)
        response.events = self._take_outbox()
        if admitted.address:
            response.headers |= self.gate.headers(admitted.address, admitted.account, endpoint)
        return with_faults(admitted.faults, response)

    def _account_of(self, admitted: Admitted) -> Account:
        """Whose request it is; public ones have nobody's account, others need one (-2015)."""
        found = self.floor.accounts.get(admitted.account)
        if found is not None:
            return found
        if admitted.endpoint.security != NONE:
            raise Refusal(-2015)
        return Account("")

    def at(self, now_ms: int) -> None:
        """Take note of the time; candles that have ended close."""
        floor = self.floor
        if now_ms > floor.now_ms:
            floor.now_ms = now_ms
        for listing in floor.listings.values():
            if floor.now_ms >= listing.candles.minute.open_ms + 60_000:
                self._roll(listing, floor.now_ms)

    # --- the house's own controls ---------------------------------------------------------------------------

    def add_fault(self, spec: dict[str, Any], now_ms: int) -> Fault:
        """Install a fault; raises Refusal -1130 when the specification is wrong."""
        self.at(now_ms)
        fault = self.floor.faults.add(spec, now_ms)
        self.floor.ledger.write("fault", self.floor.now_ms, symbol=fault.symbol, installed=dict(spec))
        self._strike_once()
        return fault

    def _write_fault(self, row: dict[str, Any]) -> None:
        facts = {"struck" if name == "kind" else name: value for name, value in row.items() if name != "time"}
        self.floor.ledger.write("fault", row["time"], **facts)

    def _strike_once(self) -> None:
        """Faults that are one event: a jump of the price, the end of listen keys."""
        for fault in self.floor.faults.once(self.floor.now_ms):
            if fault.kind == "expire_listen_key":
                for name in self.floor.accounts:
                    self._expire_listen_key(name, silently=fault.silently)
            elif self._impulse is not None:
                for symbol in [fault.symbol] if fault.symbol else list(self.floor.listings):
                    self._impulse(symbol, fault.value)

    def expire_listen_key(self, account: str, now_ms: int, *, silently: bool = False) -> list[Outbound]:
        """End an account's listen key at once, with or without the message that says so."""
        self.at(now_ms)
        self._expire_listen_key(account, silently=silently)
        return self._take_outbox()

    def _expire_listen_key(self, account: str, *, silently: bool) -> None:
        for key in self.listen_keys.expire(-1, account):
            if not silently:
                self.floor.tell(account, listen_key_expired(key.key, self.floor.now_ms))

    def deleverage(
        self, account: str, symbol: str, share: Decimal, now_ms: int
    ) -> tuple[list[Deleveraged], list[Outbound]]:
        """Cut a share of an account's positions at the mark, as a stranger's bankruptcy would; raises Refusal."""
        self.at(now_ms)
        cut = self.liquidator.deleverager.by_hand(account, symbol, share)
        return cut, self._take_outbox()

    def set_status(self, symbol: str, status: str, now_ms: int) -> list[Outbound]:
        """Change a symbol's trading status; anything but TRADING expires its open orders."""
        self.at(now_ms)
        listing = self.floor.listing(symbol)
        listing.status = status
        self.publisher.contract_changed(listing)
        if status != "TRADING":
            for account in self.floor.accounts.values():
                for order in [each for each in account.open_orders.values() if each.symbol == symbol]:
                    self.desk.expire(order, DELISTED)
        return self._take_outbox()

    def conservation(self) -> dict[str, dict[str, int]]:
        """Per account, and for the insurance fund, what its books do not explain, in 1e-8; zero: money is conserved."""
        accounts = self.floor.accounts
        paid = sum(account.insurance_total for account in accounts.values())
        errors = {name: account.conservation_error() for name, account in accounts.items()}
        return errors | {INSURANCE_FUND: self.floor.fund.conservation_error(paid)}

    def ledger(
        self,
        since: int = 0,
        symbol: str = "",
        kind: str = "",
        limit: int = 10_000,
        from_ms: int = 0,
        to_ms: int = FOR_EVER_MS,
    ) -> dict[str, Any]:
        """The exchange's own record; see docs/venue.md."""
        floor = self.floor
        entries = floor.ledger.query(since, symbol, kind, limit, from_ms, to_ms)
        return {
            "time": floor.now_ms,
            "sequence": floor.ledger.sequence,
            "entries": entries,
            "positions": floor.ledger.position_rows(symbol, floor.now_ms, from_ms, to_ms),
            "conservation": self.conservation(),
            "faults": {"active": floor.faults.listed(), "struck": list(floor.faults.record)},
        }


__all__ = ["Admitted", "Outbound", "Print", "RawRequest", "Response", "UserEvent", "Venue", "VenueRules"]
