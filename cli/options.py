"""Options that many commands share, and how they become settings."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vortex.settings import Loaded, load

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Config = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML).", show_default=False)]
Home = Annotated[str | None, typer.Option("--home", help="State directory (default: VORTEX_HOME).", show_default=False)]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Named set of settings: see `vortex config show`.", show_default=False)
]
Symbols = Annotated[
    str | None, typer.Option("--symbols", help="Comma-separated (default: BTCUSDT,ETHUSDT).", show_default=False)
]
Venue = Annotated[
    str | None, typer.Option("--venue", help="sim, paper, testnet or live (default: sim).", show_default=False)
]


def load_settings(
    config: Path | None = None, home: str | None = None, profile: str | None = None, **flags: object
) -> Loaded:
    """All layers with these flags on top; raises ConfigError. Double underscores in names stand for dots."""
    given = {name.replace("__", "."): value for name, value in flags.items()}
    return load(os.environ, config=config, flags={"home": home, "profile": profile, **given})
