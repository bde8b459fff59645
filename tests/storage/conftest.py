"""One real PostgreSQL and one real Redis per test process; every test gets a database or a key prefix of its own."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.postgres import migrations
from vortex.domain.instruments import Instrument
from vortex.domain.orders import Leg, OrderKind, OrderSpec, Side, TimeInForce, VenueFill
from vortex.domain.plans import TradePlan
from vortex.domain.records import (
    FillRecorded,
    OrderChanged,
    OrderIntended,
    TradeFinished,
    TradeOpened,
)
from vortex.domain.signals import Strategy

NOON_MS = 1_763_640_000_000  # 2025-11-20 12:00 UTC
NUMBERS = itertools.count(1)


def silent(step: str) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The server, with a migrated database called `vortex` to copy from."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start(silent)
    try:
        migrations.upgrade(server.dsn)
        yield server
    finally:
        server.stop()


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database without a schema."""
    yield from _database(postgres, "template1")


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database with the newest schema and nothing in it."""
    yield from _database(postgres, "vortex")


def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(NUMBERS)}"
    admin = server.dsn.replace("/vortex?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield server.dsn.replace("/vortex?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The mirror's server."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start(silent)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def prefix() -> str:
    """Keys nobody else uses."""
    return f"t{next(NUMBERS)}:"


class Make:
    """Builders of records, with one number that tells trades apart."""

    noon_ms = NOON_MS

    @staticmethod
    def instrument(symbol: str = "BTCUSDT") -> Instrument:
        return Instrument(
            symbol=symbol,
            base=symbol.removesuffix("USDT"),
            quote="USDT",
            tick_size=Decimal("0.10"),
            step_size=Decimal("0.001"),
            min_price=Decimal(1),
            max_price=Decimal(1_000_000),
            min_lots=1,
            max_lots=1_000_000,
            market_max_lots=100_000,
            min_notional=Decimal(5),
        )

    @staticmethod
    def plan(number: int = 1, symbol: str = "BTCUSDT", confidence: float = 71.5) -> TradePlan:
        return TradePlan(
            symbol=symbol,
            trade_no=number,
            side=Side.BUY,
            strategy=Strategy.MOMENTUM_RIDE,
            qty_lots=40,
            entry_px_ticks=600_000,
            stop_px_ticks=599_000,
            take_profit_px_ticks=602_000,
            trail_ticks=500,
            take_profit_share=60,
            entry_timeout_ms=5_000,
            max_hold_ms=300_000,
            leverage=7,
            confidence=confidence,
            final_score=0.61,
            size_usdt=Decimal("2400.0"),
            decided_ms=NOON_MS,
            regime="TRENDING",
            vol_phase="NORMAL",
            signals_json='{"e1": 0.8}',
        )

    @staticmethod
    def spec(number: int = 1, leg: Leg = Leg.ENTRY, symbol: str = "BTCUSDT", attempt: int = 0) -> OrderSpec:
        is_stop = leg is Leg.STOP
        return OrderSpec(
            client_order_id=f"v7-{symbol}-{number:x}-{leg.value}{attempt:x}",
            symbol=symbol,
            trade_no=number,
            leg=leg,
            attempt=attempt,
            side=Side.BUY if leg is Leg.ENTRY else Side.SELL,
            kind=OrderKind.STOP_MARKET if is_stop else OrderKind.LIMIT,
            time_in_force=TimeInForce.GTC if is_stop else TimeInForce.GTX,
            qty_lots=0 if is_stop else 40,
            px_ticks=0 if is_stop else 600_000,
            trigger_ticks=599_000 if is_stop else 0,
            reduce_only=leg in (Leg.TAKE_PROFIT, Leg.CLOSE),
            close_position=is_stop,
            why=f"because of {leg.value}",
        )

    def opened(self, number: int = 1, symbol: str = "BTCUSDT", adopted: bool = False) -> TradeOpened:
        return TradeOpened(plan=self.plan(number, symbol), ts_ms=NOON_MS, adopted=adopted)

    def intended(self, number: int = 1, leg: Leg = Leg.ENTRY, symbol: str = "BTCUSDT") -> OrderIntended:
        return OrderIntended(spec=self.spec(number, leg, symbol), ts_ms=NOON_MS)

    def changed(self, state, number: int = 1, leg: Leg = Leg.ENTRY, executed: int = 0, venue_id: int = 0):
        return OrderChanged(
            client_order_id=self.spec(number, leg).client_order_id,
            state=state,
            executed_lots=executed,
            venue_order_id=venue_id,
            ts_ms=NOON_MS + 1,
        )

    def fill(
        self, venue_trade_id: int, number: int = 1, leg: Leg = Leg.ENTRY, lots: int = 40, symbol: str = "BTCUSDT"
    ) -> FillRecorded:
        spec = self.spec(number, leg, symbol)
        return FillRecorded(
            fill=VenueFill(
                symbol=symbol,
                venue_trade_id=venue_trade_id,
                venue_order_id=900 + number,
                client_order_id=spec.client_order_id,
                side=spec.side,
                qty_lots=lots,
                px_ticks=600_000,
                fee=Decimal("0.48000000"),
                fee_asset="USDT",
                realized_pnl=Decimal("-1.230"),
                is_maker=True,
                ts_ms=NOON_MS + venue_trade_id,
            ),
            trade_no=number,
            fee_cash=48_000_000,
        )

    @staticmethod
    def finished(
        number: int = 1,
        net: str = "3.50",
        reason: str = "TP1_FULL",
        symbol: str = "BTCUSDT",
        close_seq: int | None = None,
        exit_ms: int = NOON_MS + 90_000,
    ) -> TradeFinished:
        return TradeFinished(
            symbol=symbol,
            trade_no=number,
            close_seq=close_seq if close_seq is not None else number,
            exit_reason=reason,
            pnl_gross=Decimal(net) + Decimal("0.96"),
            fees=Decimal("0.96"),
            pnl_net=Decimal(net),
            entry_px=Decimal("60000.0"),
            exit_px=Decimal("60100.5"),
            maker_fills=2,
            taker_fills=1,
            entry_ms=exit_ms - 60_000,
            exit_ms=exit_ms,
        )


@pytest.fixture(scope="session")
def make() -> Make:
    """Builders of records."""
    return Make()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory that does not exist yet."""
    return tmp_path / "home"
