"""The settings in force, line by line, with the origin of each value and no secret in sight (`vortex config show`)."""

from typing import Any

import msgspec

from vortex.settings.load import Loaded
from vortex.settings.schema import LEAVES
from vortex.settings.secrets import VARIABLES

MASK = "••••••••"


class ShownSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as people see it. `origin` is default, profile NAME, file PATH, environment NAME or --flag."""

    path: str
    value: Any
    origin: str


def show(loaded: Loaded) -> list[ShownSetting]:
    """Every setting in the order of the model."""
    tree = msgspec.to_builtins(loaded.settings)
    hidden = loaded.secrets.environment()
    return [
        ShownSetting(
            path=path,
            value=_secret(path, hidden) if path in VARIABLES else _value(tree, path),
            origin=loaded.origins.get(path, "default"),
        )
        for path in LEAVES
    ]


def _value(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[part]
    return tree


def _secret(path: str, hidden: dict[str, str]) -> str | None:
    return MASK if VARIABLES[path] in hidden else None
