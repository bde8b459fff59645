"""The composition root: from settings to open adapters. The one place that chooses implementations."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec
import structlog

from vortex.adapters.binance import endpoints
from vortex.adapters.binance.backoff import Backoff
from vortex.adapters.binance.market_reader import MarketReader
from vortex.adapters.binance.patience import until_answered
from vortex.adapters.binance.remembered import Remembered
from vortex.adapters.binance.rest import RestClient, UsedLimits
from vortex.adapters.binance.signing import Credentials
from vortex.adapters.binance.streams import MarketListener, MarketStreams
from vortex.adapters.binance.user_stream import UserStream
from vortex.adapters.binance.venue import BinanceVenue
from vortex.adapters.mirror import RedisMirror
from vortex.adapters.postgres.audit_store import AuditEntry, AuditStore
from vortex.adapters.postgres.breaker_store import BreakerStore
from vortex.adapters.postgres.decision_store import DecisionStore
from vortex.adapters.postgres.history import History, Kpis
from vortex.adapters.postgres.journal import PostgresJournal
from vortex.domain.effects import DecisionMade
from vortex.domain.instruments import Instrument
from vortex.domain.outcomes import UsageReported, VenueOutcome
from vortex.kernel.clock import MS, Clock, Mono, Nanos
from vortex.kernel.errors import ConfigError, NotSent, OutcomeUnknown, VenueRejected
from vortex.kernel.rng import Rng
from vortex.logs import configure
from vortex.market.polls import PollBudget
from vortex.settings import MarketSettings, Secrets, Settings
from vortex.settings.model import is_symbol

log = structlog.get_logger()

NOT_SAID = -1
SESSION_TRADES_MAX = 500
"""Finished trades that a day's session is summed over, far above the daily limit (CB-8)."""
BAD_KEY_CODES = frozenset({-1002, -1022, -2014, -2015})
KEY_MEND = "check VORTEX_VENUE__API_KEY and VORTEX_VENUE__API_SECRET, the key's rights, and its address list"


class ScaledClock:
    """A clock that runs `speed` times as fast from now on: the simulated exchange's own pace (interfaces: --speed)."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._start_unix = clock.unix()
        self._start_mono = clock.mono()

    def unix(self) -> Nanos:
        return Nanos(self._start_unix + self._passed())

    def mono(self) -> Mono:
        return Mono(self._start_mono + self._passed())

    def _passed(self) -> int:
        return int((self._clock.mono() - self._start_mono) * self._speed)


class ExchangeClock:
    """Stamps in exchange time, durations in this machine's."""

    def __init__(self, clock: Clock, venue_ms: Callable[[], int]) -> None:
        self._clock = clock
        self._venue_ms = venue_ms

    def unix(self) -> Nanos:
        return Nanos(self._venue_ms() * MS)

    def mono(self) -> Mono:
        return self._clock.mono()


def load_settings(settings_json: str) -> Settings:
    """What the launcher decided; raises ConfigError."""
    return Settings.from_json(settings_json)


def start_logs(settings: Settings, role: str, epoch: int) -> None:
    """This process's log: structured, in home/logs, with every secret masked by value."""
    configure(
        settings.logs.level,
        directory=settings.home_path / "logs",
        name=role.replace(":", "-"),
        secrets=tuple(secrets().environment().values()),
        file_bytes=settings.logs.file_mb * 1024 * 1024,
        files=settings.logs.files,
        role=role,
        epoch=epoch,
    )


def secrets() -> Secrets:
    """What the launcher handed down in the environment."""
    return Secrets.from_environment(os.environ)


def urls(settings: Settings) -> endpoints.Urls:
    """Where the exchange of these settings is; an address in the settings wins, also for the key's rights (P-7)."""
    venue = settings.venue
    if venue.rest_url:
        named = endpoints.custom(venue.rest_url, venue.ws_url or venue.rest_url.replace("http", "ws", 1))
        return named if venue.kind == "testnet" else msgspec.structs.replace(named, spot_rest=named.rest)
    match venue.kind:
        case "live":
            return endpoints.LIVE
        case "testnet":
            return endpoints.TESTNET
        case _:
            raise ConfigError(f"venue {venue.kind} has no address: the launcher sets it when it starts the exchange")


def rest_client(
    settings: Settings,
    clock: Clock,
    *,
    keys: Secrets | None,
    on_limits: Callable[[UsedLimits], None] | None = None,
    on_written: Callable[[str, int], None] | None = None,
    may_repeat: Callable[[], bool] | None = None,
) -> RestClient:
    """A session with the exchange, at the exchange's pace; signed when keys are given, which must then be complete."""
    credentials = None
    if keys is not None:
        if keys.api_key is None or keys.api_secret is None:
            raise ConfigError("no API key: set VORTEX_VENUE__API_KEY and VORTEX_VENUE__API_SECRET")
        credentials = Credentials(keys.api_key.get_secret_value(), keys.api_secret.get_secret_value())
    pace = clock if settings.venue.speed == 1.0 else ScaledClock(clock, settings.venue.speed)
    return RestClient(
        urls(settings),
        pace,
        credentials,
        on_limits=on_limits or _ignore,
        on_written=on_written or _ignore,
        may_repeat=may_repeat or _always,
    )


def postgres_dsn() -> str:
    """Where the journal is; raises ConfigError when the launcher said nothing."""
    dsn = secrets().postgres
    if dsn is None:
        raise ConfigError("no database: set VORTEX_POSTGRES_DSN, or start with `vortex start`")
    return dsn


class ExecutionParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the executor stands on."""

    venue: BinanceVenue
    journal: PostgresJournal
    user_stream: UserStream
    instruments: Mapping[str, Instrument]
    fee_rates: Mapping[str, tuple[Decimal, Decimal]]

    async def close(self) -> None:
        """Give connections back."""
        await self.venue.close()
        await self.journal.close()


async def open_execution(
    settings: Settings,
    clock: Clock,
    rng: Rng,
    *,
    on_event: Callable[[VenueOutcome], None],
    on_written: Callable[[str, int], None] | None = None,
    may_repeat: Callable[[], bool] | None = None,
) -> ExecutionParts:
    """Open exchange, user stream and journal; the account is put into the mode that we trade in. An exchange that does
    not answer, or has banned us, is waited for: an executor that dies over it would only come back to the same.

    `on_written` hears an order's id and the monotonic ns at which its request's last byte was handed to the kernel.
    `may_repeat` is asked before a request goes out once more under a new timestamp.
    """

    def limits(used: UsedLimits) -> None:
        said = (NOT_SAID if n is None else n for n in (used.weight_1m, used.orders_10s, used.orders_1m))
        weight, in_10s, in_1m = said
        on_event(UsageReported(weight_1m=weight, orders_10s=in_10s, orders_1m=in_1m))

    rest = rest_client(settings, clock, keys=secrets(), on_limits=limits, on_written=on_written, may_repeat=may_repeat)
    venue = BinanceVenue(rest, settings.symbols, remembered(settings))
    journal = PostgresJournal(postgres_dsn(), clock)

    async def prepare() -> tuple[dict[str, Instrument], dict[str, tuple[Decimal, Decimal]]]:
        await venue.start()
        found = chosen(settings.symbols, venue.known_instruments)
        await venue.ensure_account_modes(settings.symbols)
        return found, await venue.fee_rates(settings.symbols)

    try:
        instruments, rates = await until_answered(prepare, Backoff(rng.fork("start")), _say_waiting)
        await journal.learn(instruments)
    except BaseException:
        await venue.close()
        await journal.close()
        raise
    return ExecutionParts(
        venue=venue,
        journal=journal,
        user_stream=UserStream(urls(settings), rest, lambda: venue.known_instruments, rng.fork("user"), on_event),
        instruments=instruments,
        fee_rates=rates,
    )


def remembered(settings: Settings) -> Remembered:
    """What former incarnations on this machine have read of the account and still holds."""
    cache = settings.home_path / "cache"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets().api_key
    return Remembered(cache / "account.json", urls(settings).rest, "" if key is None else key.get_secret_value())


def chosen(symbols: Sequence[str], listed: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """The instruments of our symbols; raises ConfigError naming those that the exchange does not list."""
    unknown = [symbol for symbol in symbols if symbol not in listed]
    if unknown:
        raise ConfigError(f"{', '.join(unknown)}: not traded on this exchange; take it out of `symbols`")
    return {symbol: listed[symbol] for symbol in symbols}


class MarketParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol's feed stands on. `clock` shows exchange time."""

    rest: RestClient
    reader: MarketReader
    instruments: Mapping[str, Instrument]
    clock: ExchangeClock
    budget: PollBudget
    settings: MarketSettings
    open_streams: Callable[[tuple[str, ...], MarketListener], MarketStreams]

    async def close(self) -> None:
        """Give connections back."""
        await self.rest.close()


def _say_waiting(reason: str, wait_ms: int) -> None:
    log.warning("exchange.waited_for", reason=reason, wait_ms=wait_ms)


async def open_market(settings: Settings, clock: Clock, rng: Rng) -> MarketParts:
    """Open public market data; no keys needed. An exchange that does not answer is waited for: without it nothing could
    be closed either, and a symbol that dies over it a few times would be set aside for good."""
    budget = PollBudget(settings.market.polls.weight_1m_max)
    rest = rest_client(settings, clock, keys=None, on_limits=lambda used: budget.told(used.weight_1m, clock.mono()))
    venue = BinanceVenue(rest, settings.symbols)
    try:
        await until_answered(venue.start, Backoff(rng.fork("start")), _say_waiting)
    except BaseException:
        await venue.close()
        raise
    addresses = urls(settings)

    def streams(symbols: tuple[str, ...], listener: MarketListener) -> MarketStreams:
        return MarketStreams(addresses, symbols, clock, rng.fork("streams"), listener)

    return MarketParts(
        rest=rest,
        reader=venue.market,
        instruments=venue.known_instruments,
        clock=ExchangeClock(clock, rest.venue_ms),
        budget=budget,
        settings=settings.market,
        open_streams=streams,
    )


async def top_volume(settings: Settings, clock: Clock, exclude: Sequence[str]) -> str:
    """The day's most traded USDT perpetual beside the majors and `exclude`; empty when there is none (P-1)."""
    rest = rest_client(settings, clock, keys=None)
    venue = BinanceVenue(rest)
    left_out = {*settings.risk.majors, *exclude}
    try:
        await venue.start()
        while (symbol := await venue.top_volume_symbol(left_out)) is not None:
            if is_symbol(symbol):
                return symbol
            left_out.add(symbol)  # listed under a name that we cannot be told in a setting
        return ""
    finally:
        await venue.close()


async def preflight(settings: Settings, keys: Secrets, clock: Clock) -> None:
    """Ask the exchange once for our symbols and our account, so that a wrong address, key or symbol is one message."""
    rest = rest_client(settings, clock, keys=keys)
    venue = BinanceVenue(rest, settings.symbols)
    where = urls(settings).rest
    try:
        await venue.start()
        chosen(settings.symbols, venue.known_instruments)
        await venue.balance()
    except VenueRejected as err:
        if err.code in BAD_KEY_CODES:
            raise ConfigError(f"the exchange at {where} refuses the API key ({err}): {KEY_MEND}") from err
        raise ConfigError(f"the exchange at {where} refuses us: {err}") from err
    except (NotSent, OutcomeUnknown) as err:
        raise ConfigError(f"the exchange at {where} does not answer ({err}): check address and network") from err
    finally:
        await venue.close()


def open_breaker(clock: Clock) -> tuple[BreakerStore, PostgresJournal]:
    """The breaker's memory, and the journal that it catches up from."""
    dsn = postgres_dsn()
    return BreakerStore(dsn, clock), PostgresJournal(dsn, clock)


async def open_mirror(settings: Settings) -> RedisMirror | None:
    """The hot mirror (D-1); None where there is none."""
    url = secrets().redis
    if url is None or not settings.mirror.enabled:
        return None
    mirror = RedisMirror(url, settings.mirror.prefix, settings.mirror.queue_max)
    await mirror.start()
    return mirror


class Memory:
    """Where the recorder keeps facts for people: the audit log and the recorded decisions."""

    def __init__(self, dsn: str) -> None:
        self._audit = AuditStore(dsn)
        self._decisions = DecisionStore(dsn)
        self._history = History(dsn)

    async def write(self, audits: Sequence[AuditEntry], decisions: Sequence[DecisionMade]) -> None:
        """Append both; raises JournalUnavailable when the database does not take them."""
        if audits:
            await self._audit.append(audits)
        if decisions:
            await self._decisions.append(decisions)

    async def forget(self, before_ms: int) -> None:
        """Let go of decisions older than this; their audit rows stay."""
        await self._decisions.prune(before_ms)

    async def kpis(self, since_ms: int) -> Kpis:
        """Section 9 of the spec, over trades finished since a time."""
        return await self._history.kpis(since_ms)

    async def session(self, since_ms: int) -> dict[str, str | int]:
        """The `session` hash of D-1: trades, net and gross P&L, fees since a time; losses in a row, newest first."""
        rows = await self._history.trades(limit=SESSION_TRADES_MAX, state="CLOSED")
        taken = [row for row in rows if row.exit_reason != "NO_FILL" and (row.exit_ms or 0) >= since_ms]
        losses = itertools.takewhile(lambda row: (row.pnl_net or 0) < 0, taken)
        return {
            "trades_today": len(taken),
            "pnl_today": str(sum(row.pnl_net or Decimal(0) for row in taken)),
            "gross_pnl": str(sum(row.pnl_gross or Decimal(0) for row in taken)),
            "fee_total": str(sum(row.fee_total or Decimal(0) for row in taken)),
            "streak": -sum(1 for _ in losses),
        }

    async def close(self) -> None:
        """Give connections back."""
        await self._history.close()
        await self._audit.close()
        await self._decisions.close()


def open_memory() -> Memory:
    """The recorder's database."""
    return Memory(postgres_dsn())


def _always() -> bool:
    return True


def _ignore(*_: object) -> None:
    return
