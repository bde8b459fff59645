"""From settings to a launch plan: which servers, what the workers are told, what is checked before Ray starts."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from cli.keys import with_keys
from supervisors.config import TOP_VOLUME, RootConfig, with_slot
from supervisors.head import HeadSettings
from supervisors.launcher import LaunchPlan, Progress
from supervisors.venue_service import VenueService
from vortex import bootstrap, market, signals, strategy
from vortex.adapters.embedded.directories import prepare_home
from vortex.adapters.embedded.external import postgres_service, redis_service
from vortex.adapters.embedded.service import Service
from vortex.adapters.mirror import MirrorReader
from vortex.adapters.postgres import migrations
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import ConfigError, NotRunning
from vortex.settings import Loaded, Secrets, Settings

EXECUTOR_SHARE = {"exchange": 0.01}
KERNELS = "__pycache__/*.nbi"
"""Where compiled kernels are beside their sources."""


def launch_plan(loaded: Loaded) -> LaunchPlan:
    """Everything `vortex start` needs; raises ConfigError for what can be seen to be wrong before anything runs."""
    settings, keys = loaded.settings, with_keys(loaded)
    check_exchange(settings)
    if lacks := missing_key(settings, keys):
        raise ConfigError(lacks)
    is_embedded = brings_exchange(settings)
    exchange = venue_arguments(settings) if is_embedded else []
    home = prepare_home(settings.home_path)
    services: list[Service] = [
        postgres_service(home, keys.postgres, settings.database),
        redis_service(home, keys.redis),
        *([VenueService(home, exchange)] if is_embedded else []),
    ]

    def prepare(started: Mapping[str, Service], progress: Progress) -> None:
        warm_kernels(progress)
        progress("services", "bringing the database schema up to date")
        migrations.upgrade(started["postgres"].dsn)
        forget_views(started["redis"].dsn, settings)
        progress("services", "asking the exchange for our symbols and our account")
        asyncio.run(preflight(addressed(settings, started), keys))
        if settings.market.top_volume_slot:
            slot.append(
                asyncio.run(bootstrap.top_volume(addressed(settings, started), SystemClock(), settings.symbols))
            )
            progress("services", f"most traded symbol of the day: {slot[-1] or 'none beside ours'}")

    slot: list[str] = []

    def root_config(started: Mapping[str, Service], boot_id: str, page: Path) -> RootConfig:
        config = RootConfig(
            home=str(home),
            page=str(page),
            boot_id=boot_id,
            symbols=settings.symbols,
            settings_json=addressed(settings, started).to_json(),
            seed=settings.venue.seed,
            standbys=settings.ray.standbys,
            executor_resources=EXECUTOR_SHARE,
            flatten_on_give_up=settings.shutdown.on_give_up == "flatten",
            top_volume=TOP_VOLUME if settings.market.top_volume_slot else "",
        )
        return with_slot(config, slot[-1]) if slot else config

    def environment(started: Mapping[str, Service]) -> dict[str, str]:
        return handed_down(keys, started).environment()

    return LaunchPlan(
        home=home,
        services=services,
        root_config=root_config,
        environment=environment,
        prepare=prepare,
        head=head_settings(settings),
        account=account_name(settings, keys),
        stop_mode=settings.shutdown.on_stop,
    )


def warm_kernels(progress: Progress) -> None:
    """Compile once, before several processes would each compile for themselves; they load from the cache."""
    floors = [Path(*floor.__path__) for floor in (market, signals, strategy)]
    if all(kernels_are_cached(floor) for floor in floors):
        return
    progress("services", "compiling the signal kernels (first start of a version only)")
    words = "from vortex.strategy import precompile; print(precompile())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)  # noqa: S603 - us
    if done.returncode or done.stdout.strip():
        progress("services", (done.stdout + done.stderr).strip().splitlines()[-1])
    else:
        for kernel in [path for floor in floors for path in sorted(floor.glob(KERNELS))[:1]]:
            with suppress(OSError):  # another user's; what was loaded and not compiled is as fresh
                kernel.touch()


def kernels_are_cached(floor: Path) -> bool:
    """Whether a folder has compiled kernels, and none of its sources is newer: an older version's are of no use."""
    made = [path.stat().st_mtime_ns for path in floor.glob(KERNELS)]
    return bool(made) and max(made) >= max(path.stat().st_mtime_ns for path in floor.glob("*.py"))


def head_settings(settings: Settings) -> HeadSettings:
    """What the settings say of Ray."""
    chosen = settings.ray
    said = HeadSettings(
        dashboard=chosen.dashboard,
        object_store_bytes=chosen.object_store_mb << 20,
        port=chosen.port,
        dashboard_port=chosen.dashboard_port,
    )
    return replace(said, cpus=chosen.cpus) if chosen.cpus else said


def brings_exchange(settings: Settings) -> bool:
    """Whether the launcher starts the simulated exchange itself."""
    return settings.venue.kind == "sim" and not settings.venue.rest_url


def check_exchange(settings: Settings) -> None:
    """What can be seen to be wrong with the exchange's kind and address before anything runs."""
    if settings.venue.kind == "paper":
        raise ConfigError("venue paper is not built yet: it needs real market data; use sim, testnet or live")
    for name, url, scheme in (("rest_url", settings.venue.rest_url, "http"), ("ws_url", settings.venue.ws_url, "ws")):
        if url and not url.startswith((f"{scheme}://", f"{scheme}s://")):
            raise ConfigError(f"venue.{name} {url!r}: an address such as {scheme}://127.0.0.1:8700")


def missing_key(settings: Settings, keys: Secrets) -> str:
    """What to set before the exchange lets us in; empty when both halves of the key are there."""
    if keys.api_key is not None and keys.api_secret is not None:
        return ""
    missing = "VORTEX_VENUE__API_KEY" if keys.api_key is None else "VORTEX_VENUE__API_SECRET"
    return f"venue {settings.venue.kind} needs an API key: set {missing}"


def handed_down(keys: Secrets, started: Mapping[str, Service]) -> Secrets:
    """Keys and the servers' addresses, as the workers get them."""
    return Secrets.from_environment(
        {
            **keys.environment(),
            "VORTEX_POSTGRES_DSN": started["postgres"].dsn,
            "VORTEX_REDIS_URL": started["redis"].dsn,
        }
    )


def account_name(settings: Settings, keys: Secrets) -> str:
    """Whom the instance lock protects: a real account by its key; a simulated one belongs to its state directory."""
    if settings.venue.kind == "sim" or keys.api_key is None:
        return ""
    return f"{settings.venue.kind}:{keys.api_key.get_secret_value()}"


def addressed(settings: Settings, started: Mapping[str, Service]) -> Settings:
    """The settings with the embedded exchange's address filled in."""
    venue = started.get("venue")
    if not isinstance(venue, VenueService):
        return settings
    return msgspec.structs.replace(
        settings, venue=msgspec.structs.replace(settings.venue, rest_url=venue.rest, ws_url=venue.ws)
    )


def venue_arguments(settings: Settings) -> list[str]:
    """The embedded exchange's command line; it holds no secret."""
    for path in settings.venue.data:
        if not Path(path).expanduser().exists():
            raise ConfigError(f"venue.data: there is no file or folder {path}")
    listed = dict.fromkeys((*settings.symbols, *(DEFAULT_INSTRUMENTS if settings.market.top_volume_slot else ())))
    arguments = ["--symbols", ",".join(listed), "--seed", str(settings.venue.seed)]
    arguments += ["--speed", str(settings.venue.speed)]
    for path in settings.venue.data:
        arguments += ["--data", str(Path(path).expanduser().absolute())]
    return arguments


def forget_views(redis_url: str, settings: Settings) -> None:
    """Views of an earlier run must not look like this one's."""
    reader = MirrorReader(redis_url, settings.mirror.prefix)
    try:
        reader.forget_views()
    except NotRunning as error:
        raise ConfigError(str(error)) from error
    finally:
        reader.close()


async def preflight(settings: Settings, keys: Secrets) -> None:
    """Ask the exchange what would otherwise fail deep in the tree: address, keys, symbols (P-7 is the doctor's)."""
    await bootstrap.preflight(settings, keys, SystemClock())
