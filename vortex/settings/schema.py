"""The pydantic face of the settings, built from the frozen structs, so that no default is written twice."""

from collections.abc import Iterator
from typing import Any, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr, create_model

from vortex.settings.model import Settings
from vortex.settings.secrets import VARIABLES

_CLOSED = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _section(struct: type[msgspec.Struct], path: str) -> dict[str, Any]:
    """Field definitions of one struct, sections inside it included, with the secrets that belong at this path."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        inside = f"{path}.{field.name}" if path else field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            fields[field.name] = (_model(field.type, inside), {})
        else:
            fields[field.name] = (field.type, None)
    for secret in VARIABLES:
        parent, _, name = secret.rpartition(".")
        if parent == path:
            fields[name] = (SecretStr | None, None)
    return fields


def _model(struct: type[msgspec.Struct], path: str) -> type[BaseModel]:
    return create_model(f"{struct.__name__}Section", __config__=_CLOSED, **_section(struct, path))


SettingsModel = _model(Settings, "")


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every settable path, dotted, with its type; sections themselves left out."""
    for name, field in model.model_fields.items():
        inside = f"{path}.{name}" if path else name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, inside)
        else:
            yield inside, field.annotation


LEAVES: dict[str, Any] = dict(leaves(SettingsModel))
SECTIONS: frozenset[str] = frozenset(
    ".".join(parts[:depth]) for parts in (path.split(".") for path in LEAVES) for depth in range(1, len(parts))
)
LISTS: frozenset[str] = frozenset(path for path, kind in LEAVES.items() if get_origin(kind) is tuple)
"""Paths that hold several values; one string with commas will do for them."""
