"""The real simulated exchange, asked directly and without HTTP, with one account and a market of our own."""

from collections.abc import Callable
from decimal import Decimal

from vortex.domain.orders import OrderSpec, VenueBalance, VenueFill, VenueOrder, VenuePosition
from vortex.exchange.events import Outbound, Payload, UserEvent
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.margin import summarize
from vortex.exchange.market_events import MarketEvent
from vortex.exchange.market_source import MarketSource
from vortex.exchange.orders import AlgoOrder, Order
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue, VenueRules
from vortex.sim.words import order_params, venue_algo, venue_balance, venue_fill, venue_order, venue_positions

ACCOUNT = "main"
DEPOSIT = Decimal(100_000)


class Exchange:
    """One exchange with one account. Its clock is the world's true time."""

    def __init__(
        self,
        market: MarketSource,
        seed: int,
        now_ms: Callable[[], int],
        *,
        read_lag_ms: int = 0,
        stop_trigger_ms: int = 0,
    ) -> None:
        self.market = market
        self._now_ms = now_ms
        self.read_lag_ms = read_lag_ms
        self.contracts = {symbol: DEFAULT_INSTRUMENTS[symbol] for symbol in market.symbols}
        rules = VenueRules(algo_trigger_ms=stop_trigger_ms)
        self._venue = Venue(market.symbols, market.start_ms, seed, rules)
        self.account = self._venue.open_account(ACCOUNT, {"USDT": DEPOSIT})
        self._said: list[Payload] = []

    def advance(self, now_ms: int) -> list[MarketEvent]:
        """Let the market go on; our orders fill and trigger on the way. Returns what the market said."""
        told = self.market.advance(now_ms)
        for event in told:
            self._hear(self._venue.on_market(event, event.ts_ms))
        self._hear(self._venue.tick(now_ms))
        return told

    def drain(self) -> list[Payload]:
        """What the account's user stream has to say since the last look."""
        said, self._said = self._said, []
        return said

    def _hear(self, outbound: list[Outbound]) -> None:
        self._said += [event.payload for event in outbound if isinstance(event, UserEvent)]

    # --- orders; all raise Refusal ----------------------------------------------------------------------------

    def place(self, spec: OrderSpec, stamp_ms: int, window_ms: int, now_ms: int) -> VenueOrder:
        """Take an order; what it answers is what the exchange knows right after."""
        params = order_params(spec, self.contracts[spec.symbol])
        params |= {"timestamp": str(stamp_ms), "recvWindow": str(window_ms)}
        self._request("POST", "/fapi/v1/algoOrder" if spec.is_algo else "/fapi/v1/order", params, now_ms)
        found = self._lookup(spec.client_order_id, spec.symbol, is_algo=spec.is_algo)
        assert found is not None, f"{spec.client_order_id} was taken and is not there"
        return _described(found)

    def trade_by_hand(self, name: str, symbol: str, side: str, lots: int, now_ms: int) -> None:
        """A market order that is none of ours."""
        quantity = self.contracts[symbol].qty_text(lots)
        params = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": quantity, "newClientOrderId": name}
        self._request("POST", "/fapi/v1/order", params, now_ms)

    def cancel(self, client_order_id: str, symbol: str, now_ms: int, *, is_algo: bool) -> None:
        """Cancel an open order."""
        if is_algo:
            self._request("DELETE", "/fapi/v1/algoOrder", {"clientAlgoId": client_order_id}, now_ms)
        else:
            params = {"symbol": symbol, "origClientOrderId": client_order_id}
            self._request("DELETE", "/fapi/v1/order", params, now_ms)

    def arm_dead_man(self, symbol: str, countdown_ms: int, now_ms: int) -> None:
        """Start, refresh or with 0 stop the countdown that cancels a symbol's regular orders."""
        params = {"symbol": symbol, "countdownTime": str(countdown_ms)}
        self._request("POST", "/fapi/v1/countdownCancelAll", params, now_ms)

    def set_leverage(self, symbol: str, leverage: int, now_ms: int) -> None:
        """Choose the leverage of a symbol."""
        self._request("POST", "/fapi/v1/leverage", {"symbol": symbol, "leverage": str(leverage)}, now_ms)

    def _request(self, method: str, path: str, params: dict[str, str], now_ms: int) -> None:
        answer = self._venue.request(ACCOUNT, method, path, params, now_ms)
        self._hear(answer.events)
        if answer.status != 200:
            body = answer.body
            assert isinstance(body, dict), f"{method} {path} answered {body}"
            raise Refusal(body["code"], message=body["msg"], status=answer.status)

    def impulse(self, symbol: str, jump_pct: float) -> None:
        """Move a market by force."""
        self.market.impulse(symbol, jump_pct)

    # --- reads ------------------------------------------------------------------------------------------------

    def find(self, client_order_id: str, symbol: str, *, is_algo: bool) -> VenueOrder | None:
        """One order as a read shows it, or None when the exchange does not show it (yet)."""
        found = self._lookup(client_order_id, symbol, is_algo=is_algo)
        return None if found is None or found.created_ms > self._shown_ms else _described(found)

    @property
    def _shown_ms(self) -> int:
        """Reads show what happened until then."""
        return self._now_ms() - self.read_lag_ms

    def _lookup(self, client_order_id: str, symbol: str, *, is_algo: bool) -> Order | AlgoOrder | None:
        if is_algo:
            return self.account.algos_by_client_id.get(client_order_id)
        return self.account.orders_by_client_id.get((symbol, client_order_id))

    def fills_of(self, client_order_id: str) -> tuple[VenueFill, ...]:
        """The fills of one order, a stop's child included."""
        return tuple(
            venue_fill(fill)
            for fill in self.account.fills
            if fill.order.client_id == client_order_id and fill.ts_ms <= self._shown_ms
        )

    def fills_since(self, symbol: str, since_ms: int) -> tuple[VenueFill, ...]:
        """Fills of one symbol, or with "" of all."""
        return tuple(
            venue_fill(fill)
            for fill in self.account.fills
            if since_ms <= fill.ts_ms <= self._shown_ms and symbol in ("", fill.order.symbol)
        )

    def open_orders(self, symbol: str) -> tuple[VenueOrder, ...]:
        """Open orders, regular and conditional."""
        found: list[Order | AlgoOrder] = [*self.account.open_orders.values(), *self.account.open_algos.values()]
        return tuple(
            _described(order) for order in found if symbol in ("", order.symbol) and order.created_ms <= self._shown_ms
        )

    def positions(self, symbol: str) -> tuple[VenuePosition, ...]:
        """Positions that are not flat."""
        return venue_positions(self.account, symbol)

    def balance(self) -> VenueBalance:
        """The quote asset's figures."""
        return venue_balance(summarize(self.account, self._venue.floor.marks_e8), self._now_ms())


def _described(order: Order | AlgoOrder) -> VenueOrder:
    return venue_algo(order) if isinstance(order, AlgoOrder) else venue_order(order)
