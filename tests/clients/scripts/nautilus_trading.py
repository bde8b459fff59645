"""nautilus_trader with its Binance adapter: a live node, a strategy that trades, reconciliation at the start."""

import asyncio
from decimal import Decimal

from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.config import BinanceDataClientConfig, BinanceExecClientConfig
from nautilus_trader.adapters.binance.factories import BinanceLiveDataClientFactory, BinanceLiveExecClientFactory
from nautilus_trader.config import InstrumentProviderConfig, LiveExecEngineConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy
from venue import KEY, REST, SECRET, WS, control, say, signed, tell

NEWER = "base_url_ws_stream" in BinanceExecClientConfig.__struct_fields__
"""Later versions have an address for the user stream, and send stops to the algo service."""
INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
PATIENCE_S = 90


class Script(Strategy):
    """Walks through one life after the other: each event it waits for starts the next step."""

    def __init__(self, done):
        super().__init__()
        self.done = done
        self.found = {"events": [], "data": {}}
        self.step = 0

    def on_start(self):
        self.found["orders_before"] = [str(order.client_order_id) for order in self.cache.orders_open()]
        self.found["positions_before"] = [
            [str(each.instrument_id), str(each.signed_decimal_qty())] for each in self.cache.positions_open()
        ]
        self.instrument = self.cache.instrument(INSTRUMENT)
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        self.subscribe_order_book_deltas(INSTRUMENT)
        self.subscribe_bars(BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL"))
        self.subscribe_mark_prices(INSTRUMENT)

    def count(self, name):
        self.found["data"][name] = self.found["data"].get(name, 0) + 1

    def on_trade_tick(self, _tick):
        self.count("trade")

    def on_order_book_deltas(self, _deltas):
        self.count("book")

    def on_mark_price(self, _update):
        self.count("mark")

    def on_quote_tick(self, tick):
        self.count("quote")
        if self.step == 0 and {"trade", "book", "mark"} <= set(self.found["data"]):
            self.step = 1
            self.bid = tick.bid_price.as_decimal()
            self.resting = self.limit(Decimal("0.97"), "0.002", TimeInForce.GTC)

    def price(self, share):
        return self.instrument.make_price(self.bid * share)

    def limit(self, share, quantity, time_in_force, **named):
        order = self.order_factory.limit(
            INSTRUMENT,
            OrderSide.BUY,
            self.instrument.make_qty(Decimal(quantity)),
            self.price(share),
            time_in_force=time_in_force,
            **named,
        )
        self.submit_order(order)
        return order

    def market(self, side, reduce_only=False):
        quantity = self.instrument.make_qty(Decimal("0.002"))
        self.submit_order(self.order_factory.market(INSTRUMENT, side, quantity, reduce_only=reduce_only))

    def on_order_event(self, event):
        name = type(event).__name__
        say(f"{name} {getattr(event, 'reason', '')}")
        if name not in ("OrderInitialized", "OrderSubmitted", "OrderPendingUpdate", "OrderPendingCancel"):
            self.found["events"].append([name, getattr(event, "reason", None)])
        self.advance(name)

    def advance(self, name):
        if (self.step, name) == (1, "OrderAccepted"):
            self.step = 2
            self.modify_order(self.resting, self.instrument.make_qty(Decimal("0.003")), self.price(Decimal("0.965")))
        elif (self.step, name) == (2, "OrderUpdated"):
            self.step = 3
            self.cancel_order(self.resting)
        elif (self.step, name) == (3, "OrderCanceled"):
            self.step = 4
            self.limit(Decimal("1.01"), "0.002", TimeInForce.GTC, post_only=True)
        elif self.step == 4 and name in ("OrderRejected", "OrderDenied"):
            self.step = 5
            self.market(OrderSide.BUY)
        elif (self.step, name) == (6, "OrderFilled"):
            self.step = 7
            self.guard = self.order_factory.stop_market(
                INSTRUMENT,
                OrderSide.SELL,
                self.instrument.make_qty(Decimal("0.002")),
                self.price(Decimal("0.97")),
                reduce_only=True,
            )
            self.submit_order(self.guard)
        elif (self.step, name) == (7, "OrderAccepted"):
            self.step = 8
            self.cancel_order(self.guard)
        elif (self.step == 7 and name in ("OrderRejected", "OrderDenied")) or (self.step, name) == (8, "OrderCanceled"):
            self.step = 9
            self.found["balance"] = str(self.portfolio.account(INSTRUMENT.venue).balance_total(USDT))
            self.done.set()

    def on_position_opened(self, event):
        self.found["opened"] = [str(event.side), str(event.quantity)]
        if self.step == 5:
            self.step = 6
            self.market(OrderSide.SELL, reduce_only=True)

    def on_position_closed(self, event):
        self.found["closed"] = str(event.quantity)


async def main():
    """Run the node until the script is through; it finds an order and a position that it did not make."""
    signed("POST", "/fapi/v1/order", symbol="ETHUSDT", side="BUY", type="MARKET", quantity="0.1")
    price = control("GET", "/fapi/v1/ticker/bookTicker?symbol=ETHUSDT")["bidPrice"]
    resting = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
    signed("POST", "/fapi/v1/order", **resting, price=f"{float(price) * 0.97:.1f}", newClientOrderId="before-1")
    provider = InstrumentProviderConfig(load_all=True)
    shared = {
        "api_key": KEY,
        "api_secret": SECRET,
        "account_type": BinanceAccountType.USDT_FUTURES,
        "base_url_http": REST,
        "base_url_ws": WS,
        "instrument_provider": provider,
    }
    user_stream = {"base_url_ws_stream": WS} if NEWER else {}
    config = TradingNodeConfig(
        trader_id=TraderId("TESTER-001"),
        logging=LoggingConfig(log_level="ERROR", log_colors=False),
        exec_engine=LiveExecEngineConfig(reconciliation=True, reconciliation_startup_delay_secs=0.1),
        data_clients={"BINANCE": BinanceDataClientConfig(**shared)},
        exec_clients={"BINANCE": BinanceExecClientConfig(**shared, **user_stream)},
        timeout_connection=20,
        timeout_reconciliation=10,
        timeout_portfolio=10,
        timeout_disconnection=5,
        timeout_post_stop=0.5,
    )
    node = TradingNode(config=config, loop=asyncio.get_running_loop())
    done = asyncio.Event()
    script = Script(done)
    node.trader.add_strategy(script)
    node.add_data_client_factory("BINANCE", BinanceLiveDataClientFactory)
    node.add_exec_client_factory("BINANCE", BinanceLiveExecClientFactory)
    node.build()
    running = asyncio.create_task(node.run_async())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
    except TimeoutError:
        script.found["stuck_at"] = script.step
    script.found["instruments"] = sorted(str(each.id) for each in node.cache.instruments())
    await node.stop_async()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return script.found


tell(asyncio.run(main()))
