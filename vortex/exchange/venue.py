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
from vortex.exchange.algo import AlgoService
from vortex.exchange.auth import ApiKey, check_time
from vortex.exchange.desk import Desk
from vortex.exchange.endpoints import NONE, SIGNED, TRADE, Endpoint, table
from vortex.exchange.events import Outbound, UserEvent, listen_key_expired
from vortex.exchange.faults import Fault, FaultBook
from vortex.exchange.floor import Counters, Floor, VenueRules
from vortex.exchange.gate import Admitted, FaultAnswer, Gate, RawRequest, Response
from vortex.exchange.history import FundingPoint, History
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS, QUOTE_SCALE, Instrument
from vortex.exchange.listen_keys import ListenKeys
from vortex.exchange.listing import Listing, Print
from vortex.exchange.market_events import (
    BookState,
    LiquidationPrint,
    MarketEvent,
    MarketTrade,
    MarkState,
    OpenInterestState,
    RatioState,
)
from vortex.exchange.orders import BUY, Order
from vortex.exchange.params import Params
from vortex.exchange.publisher import Publisher
from vortex.exchange.refusal import Refusal
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
CLIENT_ID_NAMES = ("newClientOrderId", "origClientOrderId", "clientAlgoId")


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
        self.desk = Desk(self.floor, self.settlement, self.publisher.printed)
        self.algos = AlgoService(self.floor, self.settlement, self.desk)
        self.listen_keys = ListenKeys(rng.fork("listen_keys"), rules.listen_key_ms)
        market = MarketData(self.floor)
        trading = Trading(self.floor, self.desk, self.algos)
        account = AccountDesk(self.floor, self.listen_keys)
        self.gate = Gate(self.floor, table(market, Reference(self.floor), Statistics(self.floor), trading, account))
        self._impulse = impulse

    # --- opening --------------------------------------------------------------------------------------------

    def load(self, history: History) -> None:
        """Begin a symbol where its past ends."""
        listing = self.floor.listing(history.symbol)
        listing.load(history)
        self.floor.marks_e8[history.symbol] = listing.mark_e8

    def open_account(self, name: str, deposits: Mapping[str, Decimal]) -> Account:
        """A new account with money in it."""
        account = Account(name)
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
                self.settlement.check_margins(event.symbol)
                self.algos.check(event.symbol)
            case LiquidationPrint():
                self.publisher.liquidated(event)
            case OpenInterestState():
                listing.record_open_interest(event)
            case RatioState():
                listing.record_ratios(event)
        return self._take_outbox()

    def _on_book(self, listing: Listing, event: BookState) -> None:
        def crossed(order: Order, lots: int, px: int) -> None:
            printed = listing.record_trade(event.ts_ms, px, lots, order.side == BUY)
            self.publisher.printed(listing, printed)
            self.settlement.fill(order, lots, px, True, printed.trade_id)

        before = listing.last_trade_id
        listing.book_ms = event.ts_ms
        listing.engine.market_book(event.bids, event.asks, crossed)
        self.floor.touched.add(event.symbol)
        if listing.last_trade_id != before:
            self.algos.check(event.symbol)

    def _on_trade(self, listing: Listing, event: MarketTrade) -> None:
        self._roll(listing, event.ts_ms)
        printed = listing.record_trade(event.ts_ms, event.px_ticks, event.qty_lots, event.buyer_is_maker)
        self.publisher.printed(listing, printed)

        def filled(order: Order, lots: int, px: int) -> None:
            self.settlement.fill(order, lots, px, True, printed.trade_id)
            self.floor.touched.add(event.symbol)

        listing.engine.market_trade(event.px_ticks, event.qty_lots, event.buyer_is_maker, filled)
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
        for account in floor.accounts.values():
            self._ring_timers(account, now)
        for key in self.listen_keys.expire(now):
            floor.tell(key.account, listen_key_expired(key.key, now))
        for fault in floor.faults.active:
            if fault.kind == "price_gap_pct" and fault.since_ms <= now and not fault.struck:
                self._gap(fault)
        self._show_books()
        self.publisher.tick(now)
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
        self._at(now_ms)
        endpoint: Endpoint | None = None
        try:
            struck = self.gate.faults_for(method, path, params)
            endpoint = self.gate.endpoint(method, path)
            if endpoint.security in (SIGNED, TRADE) and "timestamp" in params:
                check_time(params, self.gate.clock_ms(), self.floor.rules.recv_window_stretch)
            if count_orders and endpoint.orders != (0, 0):
                self.gate.spend_orders(account, endpoint)
        except (Refusal, FaultAnswer) as refused:
            return self._refused(refused, method, path, params, account)
        return self.execute(Admitted(method, path, params, endpoint, account, struck), now_ms)

    def receive(self, raw: RawRequest, now_ms: int) -> Admitted | Response:
        """A request off the wire: everything before the engine. Pass an Admitted on to `execute`."""
        self._at(now_ms)
        try:
            if raw.path == "/sapi/v1/account/apiRestrictions" and raw.method == "GET":
                return Response(200, self.gate.restrictions(raw))
            return self.gate.admit(raw)
        except (Refusal, FaultAnswer) as refused:
            key = self.gate.keys.get(raw.api_key or "")
            account = "" if key is None else key.account
            response = self._refused(refused, raw.method, raw.path, self.gate.params(raw), account)
            response.headers |= self.gate.headers(raw.address, account, None)
            return response

    def execute(self, admitted: Admitted, now_ms: int) -> Response:
        """Let the engine answer. State changes only when the answer is not a refusal."""
        self._at(now_ms)
        endpoint, params = admitted.endpoint, admitted.params
        try:
            account = self._account_of(admitted)
            if endpoint.engine_time_check and "timestamp" in params:
                check_time(params, self.gate.clock_ms(), self.floor.rules.recv_window_stretch, -5028)
            body = endpoint.answer(account, params)
        except Refusal as refusal:
            response = self._refused(refusal, admitted.method, admitted.path, params, admitted.account)
        else:
            for symbol in sorted(self.floor.touched):
                self.algos.check(symbol)
            if admitted.path.endswith("/v1/time") or admitted.path == "/api/v3/time":
                body = {"serverTime": self.gate.clock_ms()}
            response = Response(200, body)
            self._record(admitted, response)
        response.events = self._take_outbox()
        if admitted.address:
            response.headers |= self.gate.headers(admitted.address, admitted.account, endpoint)
        return self._with_faults(admitted.faults, response)

    def _account_of(self, admitted: Admitted) -> Account:
        """Whose request it is; public ones have nobody's account, others need one (-2015)."""
        found = self.floor.accounts.get(admitted.account)
        if found is not None:
            return found
        if admitted.endpoint.security != NONE:
            raise Refusal(-2015)
        return Account("")

    def _at(self, now_ms: int) -> None:
        floor = self.floor
        if now_ms > floor.now_ms:
            floor.now_ms = now_ms
        for listing in floor.listings.values():
            if floor.now_ms >= listing.candles.minute.open_ms + 60_000:
                self._roll(listing, floor.now_ms)

    @staticmethod
    def _with_faults(struck: list[Fault], response: Response) -> Response:
        for fault in struck:
            if fault.kind == "delay_ms" and fault.executed:
                response.delay_ms += int(fault.value)
            elif fault.kind == "lost_response":
                response.lost = True
            elif fault.kind == "error" and fault.executed:
                answer = FaultAnswer(fault).response()
                response.status, response.body, response.text = answer.status, answer.body, answer.text
                response.headers |= answer.headers
        return response

    def _refused(
        self, refused: Refusal | FaultAnswer, method: str, path: str, params: Params, account: str
    ) -> Response:
        code: int | None
        faults: list[str]
        if isinstance(refused, FaultAnswer):
            response = refused.response()
            code, faults = refused.fault.code, [refused.fault.kind]
        else:
            response, code, faults = Response(refused.status, refused.body()), refused.code, []
        self._write_request(method, path, params, account, response.status, code, None, faults)
        return response

    def _record(self, admitted: Admitted, response: Response) -> None:
        body = response.body
        order_id = body.get("orderId", body.get("algoId")) if isinstance(body, dict) else None
        faults = [fault.kind for fault in admitted.faults]
        self._write_request(
            admitted.method, admitted.path, admitted.params, admitted.account, 200, None, order_id, faults
        )

    def _write_request(
        self,
        method: str,
        path: str,
        params: Params,
        account: str,
        status: int,
        code: int | None,
        order_id: object,
        faults: Iterable[str] = (),
    ) -> None:
        client_id = next((params[name] for name in CLIENT_ID_NAMES if name in params), "")
        facts: dict[str, Any] = {
            "account": account,
            "method": method,
            "path": path,
            "symbol": params.get("symbol", ""),
            "client_order_id": client_id,
            "reduce_only": params.get("reduceOnly", "").lower() == "true"
            or params.get("closePosition", "").lower() == "true",
            "timestamp": params.get("timestamp", ""),
            "status": status,
            "code": code,
            "order_id": order_id,
            "faults": list(faults),
        }
        self.floor.ledger.write("request", self.floor.now_ms, **facts)

    # --- the house's own controls ---------------------------------------------------------------------------

    def add_fault(self, spec: dict[str, Any], now_ms: int) -> Fault:
        """Install a fault; raises Refusal -1130 when the specification is wrong."""
        self._at(now_ms)
        fault = self.floor.faults.add(spec, now_ms)
        self.floor.ledger.write("fault", self.floor.now_ms, symbol=fault.symbol, installed=dict(spec))
        if fault.kind == "price_gap_pct" and fault.since_ms <= now_ms:
            self._gap(fault)
        return fault

    def _gap(self, fault: Fault) -> None:
        fault.struck += 1
        if self._impulse is None:
            return
        for symbol in [fault.symbol] if fault.symbol else list(self.floor.listings):
            self._impulse(symbol, fault.value)

    def expire_listen_key(self, account: str, now_ms: int, *, silently: bool = False) -> list[Outbound]:
        """End an account's listen key at once, with or without the message that says so."""
        self._at(now_ms)
        for key in self.listen_keys.expire(-1, account):
            if not silently:
                self.floor.tell(account, listen_key_expired(key.key, self.floor.now_ms))
        return self._take_outbox()

    def set_status(self, symbol: str, status: str, now_ms: int) -> list[Outbound]:
        """Change a symbol's trading status; anything but TRADING expires its open orders."""
        self._at(now_ms)
        self.floor.listing(symbol).status = status
        if status != "TRADING":
            for account in self.floor.accounts.values():
                for order in [each for each in account.open_orders.values() if each.symbol == symbol]:
                    self.desk.expire(order, DELISTED)
        return self._take_outbox()

    def conservation(self) -> dict[str, dict[str, int]]:
        """Per account what its books do not explain, in 1e-8; all zero when money is conserved."""
        return {name: account.conservation_error() for name, account in self.floor.accounts.items()}

    def ledger(self, since: int = 0, symbol: str = "", kind: str = "", limit: int = 10_000) -> dict[str, Any]:
        """The exchange's own record; see docs/venue.md."""
        floor = self.floor
        entries = floor.ledger.query(since, symbol, kind, limit)
        return {
            "time": floor.now_ms,
            "sequence": floor.ledger.sequence,
            "entries": entries,
            "positions": floor.ledger.position_rows(symbol, floor.now_ms),
            "conservation": self.conservation(),
            "faults": {"active": floor.faults.listed(), "struck": list(floor.faults.record)},
        }


__all__ = ["Admitted", "Outbound", "Print", "RawRequest", "Response", "UserEvent", "Venue", "VenueRules"]
