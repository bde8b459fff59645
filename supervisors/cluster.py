"""Puts the tree on a cluster that somebody else started, for example by `ray up ray_cluster.yaml`.

`python -m supervisors.cluster` runs on the head. Ray's address, the token and all secrets come from the environment,
the rest from the settings. PostgreSQL, Redis and the exchange must be reachable from every node: nothing is embedded.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

import ray

from supervisors.attach import NAMESPACE, create_root
from supervisors.config import TOP_VOLUME, RootConfig, encode_config, with_slot
from supervisors.top_volume import most_traded
from vortex.adapters.postgres import migrations
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import ConfigError, VortexError
from vortex.settings import Loaded, load

EXCHANGE_SHARE = {"exchange": 0.01}


def cluster_config(loaded: Loaded, boot_id: str) -> RootConfig:
    """The root's configuration on a cluster; raises ConfigError for what only works on one machine."""
    settings, secrets = loaded.settings, loaded.secrets
    if secrets.postgres is None or secrets.redis is None:
        raise ConfigError(
            "a cluster needs servers that every node reaches: set VORTEX_POSTGRES_DSN and VORTEX_REDIS_URL"
        )
    if settings.venue.kind == "sim" and not settings.venue.rest_url:
        raise ConfigError("a cluster needs an exchange that every node reaches: set venue.kind or venue.rest_url")
    run_dir = settings.home_path / "run"
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return RootConfig(
        home=str(settings.home_path),
        page=str(run_dir / "beats"),
        boot_id=boot_id,
        symbols=settings.symbols,
        settings_json=settings.to_json(),
        seed=settings.venue.seed,
        standbys=settings.ray.standbys,
        executor_resources=EXCHANGE_SHARE,
        flatten_on_give_up=settings.shutdown.on_give_up == "flatten",
        top_volume=TOP_VOLUME if settings.market.top_volume_slot else "",
    )


def main(environment: Mapping[str, str]) -> int:
    """Create the root and return once it has booted; 2 when the settings are wrong."""
    try:
        address = environment.get("RAY_ADDRESS", "")
        if not address:
            raise ConfigError("set RAY_ADDRESS to this cluster's head, for example 10.0.0.10:6379")
        loaded = load(environment)
        config = cluster_config(loaded, f"{SystemClock().unix():x}-{os.getpid()}")
        migrations.upgrade(loaded.secrets.postgres or "")
        if config.top_volume:
            config = with_slot(config, asyncio.run(most_traded(config.settings_json, config.symbols)))
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        create_root(encode_config(config))
    except VortexError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
