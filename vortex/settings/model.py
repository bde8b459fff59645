"""Every setting of the house, frozen and typed. Defaults live here and in the sections that other parts bring along.

Secrets are not here: a Settings may be logged, shown and passed to any process (see vortex.settings.secrets).
"""

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import platformdirs
from msgspec import Meta

from vortex.execution.settings import ExecutionSettings
from vortex.kernel.errors import ConfigError
from vortex.market.feed import FeedSettings
from vortex.market.polls import PollSettings
from vortex.risk.breaker_settings import BreakerSettings
from vortex.risk.settings import RiskSettings
from vortex.signals.settings import CYCLES_BACK, SignalSettings
from vortex.strategy.settings import DecisionSettings

VenueKind = Literal["sim", "paper", "testnet", "live"]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]

_SYMBOL = re.compile(r"^[A-Z0-9]{2,20}(_[0-9]{6})?$")


def is_symbol(name: str) -> bool:
    """Whether a contract's name is one that `symbols` takes."""
    return _SYMBOL.match(name) is not None


def default_home() -> str:
    """The platform's directory for state that outlives a run."""
    return platformdirs.user_state_dir("vortex7", appauthor=False)


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where orders go, and for the simulated exchange, what its market is made of."""

    kind: VenueKind = "sim"
    rest_url: str = ""
    """Empty: the exchange's own address for this kind."""
    ws_url: str = ""
    data: tuple[str, ...] = ()
    """Recorded market data for the simulated exchange; empty: its generator."""
    speed: Annotated[float, Meta(gt=0)] = 1.0
    """Market time per real time, simulated exchange only."""
    seed: NotNegative = 7
    allow_unsafe_key: bool = False
    """Accept a live key that may withdraw or has no address restriction (P-7)."""


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which markets are traded beside `symbols` (P-1), and how they are listened to (E0-3, E0-4, E0-6)."""

    top_volume_slot: bool = False
    """One more symbol: the USDT perpetual with the largest 24 h quote volume, BTC, ETH and `symbols` left out.

    Chosen at the start, and again at 00:00 UTC; it changes while the account is flat.
    """
    rehearse_ms: NotNegative = 4
    """Every so many ms the way of a market event is walked once on a stage of its own, so that caches still know it;
    0: never. It halves what an event costs in a quiet market, for three or four percent of a core a symbol."""
    feed: FeedSettings = FeedSettings()
    polls: PollSettings = PollSettings()


class RaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The runtime of the tree."""

    dashboard: bool = True
    port: Port = 0
    """First of the ports Ray uses; 0 picks free ones."""
    dashboard_port: Port = 0
    standbys: NotNegative = 2
    """Warm processes kept ready per node (decision 5). The breaker's death takes the executor along, so two."""
    object_store_mb: Annotated[int, Meta(ge=80)] = 80
    """Ray's shared memory; only commands and events cross Ray, so the least it accepts is plenty."""
    cpus: NotNegative = 0
    """CPUs announced to Ray; 0 counts the machine's."""


class MirrorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hot mirror in Redis (D-1)."""

    enabled: bool = True
    prefix: str = "vortex:"
    """In front of every key, so that two systems may share a server."""
    queue_max: Positive = 1_000
    """Writes that may wait; the oldest go first when Redis is slow or away."""


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things are kept, in days."""

    decisions_days: Positive = 30
    snapshots_days: Positive = 7
    backups_kept: Positive = 14


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Logs go to standard output, and to files under home/logs that turn over by size (ULT-9)."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file_mb: Positive = 100
    files: Positive = 5


class ShutdownSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of open positions (PRO-9): `keep` leaves them to their stops, `flatten` closes them."""

    on_stop: Literal["keep", "flatten"] = "flatten"
    on_give_up: Literal["keep", "flatten"] = "keep"
    """When the tree itself gives up (root exceeds its restart intensity)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. Built by `vortex.settings.load`, never by hand outside tests."""

    profile: str = "default"
    home: str = msgspec.field(default_factory=default_home)
    """The one directory of all state (VORTEX_HOME)."""
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    market: MarketSettings = MarketSettings()
    venue: VenueSettings = VenueSettings()
    ray: RaySettings = RaySettings()
    mirror: MirrorSettings = MirrorSettings()
    storage: StorageSettings = StorageSettings()
    logs: LogSettings = LogSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    execution: ExecutionSettings = ExecutionSettings()
    risk: RiskSettings = RiskSettings()
    breakers: BreakerSettings = BreakerSettings()
    decision: DecisionSettings = DecisionSettings()
    signals: SignalSettings = SignalSettings()

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ConfigError("symbols: at least one, for example BTCUSDT")
        for symbol in self.symbols:
            if not is_symbol(symbol):
                raise ConfigError(f"symbols: {symbol!r} is not a symbol such as BTCUSDT")
        if len(set(self.symbols)) < len(self.symbols):
            raise ConfigError(f"symbols: one of {', '.join(self.symbols)} is there twice")
        if self.profile == "drill" and self.venue.kind in ("testnet", "live"):
            raise ConfigError(f"the drill profile is refused on {self.venue.kind}: its limits are for play money only")
        if self.signals.cycle.gate > self.decision.score_min:
            raise ConfigError(
                f"decision.score_min ({self.decision.score_min:g}) is below signals.cycle.gate "
                f"({self.signals.cycle.gate:g}): no score between them is ever looked at, so lower both"
            )
        if self.risk.leverage_min > self.risk.leverage_max:
            raise ConfigError(
                f"risk.leverage_min ({self.risk.leverage_min}) is above risk.leverage_max ({self.risk.leverage_max})"
            )
        cycle = self.signals.cycle
        if self.decision.need_settled and (
            cycle.stable_ms % cycle.period_ms or cycle.stable_ms > CYCLES_BACK * cycle.period_ms
        ):
            raise ConfigError(
                f"signals.cycle.stable_ms ({cycle.stable_ms}) must be 0 to {CYCLES_BACK} whole periods of "
                f"signals.cycle.period_ms ({cycle.period_ms}): else no score ever counts as stable"
            )

    @property
    def home_path(self) -> Path:
        """The state directory, absolute."""
        return Path(self.home).expanduser().absolute()

    @property
    def database(self) -> str:
        """One database per kind of venue: what was done on one exchange is never mistaken for another's."""
        return f"vortex_{self.venue.kind}"

    def to_json(self) -> str:
        """For actors and files; holds no secret."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def from_json(text: str) -> "Settings":
        """Back from `to_json`; absent keys get their defaults, unknown ones are refused."""
        try:
            return msgspec.json.decode(text, type=Settings)
        except msgspec.DecodeError as err:
            raise ConfigError(f"these are not settings: {err}") from err
