"""Runs the real launcher with toy roles: `python toy_launcher.py HOME`, progress as JSON lines on standard output."""

import json
import os
import sys
from pathlib import Path

from supervisors.config import RootConfig
from supervisors.head import HeadSettings
from supervisors.launcher import Launcher, LaunchPlan
from vortex.kernel.errors import VortexError

TOY = "toy_roles:ToyRole"


def toy_plan(home: Path) -> LaunchPlan:
    """A house of toys: no servers, no dashboard, a registry in SQLite."""
    (home / "crash").mkdir(exist_ok=True)
    options = json.loads(os.environ.get("TOY_OPTIONS", "{}"))
    settings = {"crash_dir": str(home / "crash"), "registry": str(home / "registry.db")}

    def root_config(services: object, boot_id: str, page: Path) -> RootConfig:
        return RootConfig(
            home=str(home),
            page=str(page),
            boot_id=boot_id,
            symbols=("BTCUSDT", "ETHUSDT"),
            settings_json=json.dumps(settings),
            factories=dict.fromkeys(("breaker", "executor", "symbol", "recorder"), TOY),
            preload=False,
            **({"registry": "toy_roles:open_registry"} | options),
        )

    return LaunchPlan(
        home=home,
        services=(),
        root_config=root_config,
        environment=lambda services: {},
        head=HeadSettings(dashboard=False),
        account=os.environ.get("TOY_ACCOUNT", ""),
    )


def tell(phase: str, message: str) -> None:
    print(json.dumps([phase, message]), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(Launcher(toy_plan(Path(sys.argv[1])), tell).run())
    except VortexError as error:
        tell("failed", f"{type(error).__name__}: {error}")
        sys.exit(4)
