"""Reads the layers, merges them, and says of every value where it came from.

1. An unknown key is an error in every layer; the message names the key, the layer and the nearest key there is.
2. A later layer wins value by value, not section by section.
3. No message ever holds a secret's value.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
from pydantic import BaseModel, SecretStr, ValidationError

from vortex.kernel.errors import ConfigError
from vortex.settings.model import Settings, default_home
from vortex.settings.profiles import PROFILES
from vortex.settings.schema import LEAVES, LISTS, SECTIONS, SettingsModel
from vortex.settings.secrets import VARIABLES, Secrets

PREFIX = "VORTEX_"
CONFIG_VARIABLE = "VORTEX_CONFIG"
FILE_NAME = "vortex.toml"

# Variables that begin like ours and are not settings: where files are, and what our own processes tell each other.
NOT_SETTINGS = (CONFIG_VARIABLE, "VORTEX_SHARED_DATA")
INTERNAL_PREFIX = "VORTEX_INTERNAL_"

Flat = dict[str, tuple[Any, str]]
"""Dotted path → (value, where it came from)."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, their secrets, and the origin of each value that is not a default."""

    settings: Settings
    secrets: Secrets
    origins: dict[str, str]
    config_file: Path | None


def load(
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """All layers as one. `flags` are dotted paths; those that are None were not given. ConfigError on any mistake."""
    given = {path: value for path, value in (flags or {}).items() if value is not None}
    spoken = _checked({path: (value, f"--{_flag(path)}") for path, value in given.items()})
    surroundings = _checked(dict(_from_environment(environment)))
    file, is_chosen = _config_file(environment, config, {**surroundings, **spoken})
    written = _checked(dict(_from_file(file))) if file is not None and (is_chosen or file.is_file()) else {}
    upper: Flat = {**written, **surroundings, **spoken}
    name = str(upper.get("profile", ("default", ""))[0])
    flat = {**_from_profile(name, upper), **upper}
    model = _validated(flat)
    return Loaded(
        settings=_settings(model, flat),
        secrets=_secrets(model),
        origins={path: origin for path, (_, origin) in sorted(flat.items())},
        config_file=file if written else None,
    )


def locate(environment: Mapping[str, str]) -> list[Path]:
    """Where a configuration file is looked for, first match wins, when none is named."""
    home = environment.get("VORTEX_HOME") or default_home()
    return [
        Path(home).expanduser() / FILE_NAME,
        Path(platformdirs.user_config_dir("vortex7", appauthor=False)) / FILE_NAME,
    ]


def nearest(path: str) -> str:
    """The settable path most like a mistaken one, as an ending for a message."""
    close = difflib.get_close_matches(path, [*LEAVES, *SECTIONS], n=1, cutoff=0.5)
    if not close:  # a right name in the wrong section
        last = path.rpartition(".")[2]
        close = [known for known in LEAVES if known.rpartition(".")[2] == last][:1]
    return f"; the nearest is {close[0]}" if close else ""


def _checked(flat: Flat) -> Flat:
    """The same layer, every key of it known; an empty section says nothing."""
    for path, (value, origin) in flat.items():
        if path in SECTIONS and value != {}:
            raise ConfigError(f"{path} ({origin}) is a section, not a value: set one of its keys")
        if path not in LEAVES and path not in SECTIONS:
            raise ConfigError(f"unknown setting {path} ({origin}){nearest(path)}")
    return {path: found for path, found in flat.items() if path in LEAVES}


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or variable.startswith(INTERNAL_PREFIX):
            continue
        path = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if text == "" and path in VARIABLES:
            continue  # an empty secret is how a shell says "not set"
        yield path, (text, f"environment {variable}")


def _config_file(
    environment: Mapping[str, str], config: Path | None, upper: Mapping[str, tuple[Any, str]]
) -> tuple[Path | None, bool]:
    """The file to read and whether somebody named it, in which case it must exist."""
    if config is not None:
        return config, True
    if environment.get(CONFIG_VARIABLE):
        return Path(environment[CONFIG_VARIABLE]), True
    if "home" in upper:
        environment = {**environment, "VORTEX_HOME": str(upper["home"][0])}
    return next((path for path in locate(environment) if path.is_file()), None), False


def _from_file(file: Path) -> Iterator[tuple[str, tuple[Any, str]]]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{file} is not valid TOML: {err}") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{file} is not UTF-8 text") from err
    except OSError as err:
        raise ConfigError(f"{file} cannot be read: {err.strerror}") from err
    for path, value in flatten(tree):
        yield path, (value, f"file {file}")


def _from_profile(name: str, upper: Flat) -> Flat:
    if name not in PROFILES:
        origin = upper["profile"][1]
        raise ConfigError(f"unknown profile {name!r} ({origin}); there are {', '.join(sorted(PROFILES))}")
    return _checked({path: (value, f"profile {name}") for path, value in flatten(PROFILES[name])})


def flatten(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted paths."""
    for key, value in tree.items():
        inside = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and value:
            yield from flatten(value, inside)
        else:
            yield inside, value


def _validated(flat: Flat) -> BaseModel:
    tree: dict[str, Any] = {}
    for path, (value, _) in flat.items():
        *parents, name = path.split(".")
        table = tree
        for parent in parents:
            table = table.setdefault(parent, {})
        table[name] = _split(value) if path in LISTS and isinstance(value, str) else value
    try:
        return SettingsModel(**tree)
    except ValidationError as err:
        complaints = [_complaint(dict(error), flat) for error in err.errors(include_url=False, include_input=False)]
        raise ConfigError("; ".join(complaints)) from None  # the original message quotes the input


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _complaint(error: Mapping[str, Any], flat: Flat) -> str:
    path = ".".join(str(part) for part in error["loc"])
    known = next((known for known in flat if path == known or path.startswith(f"{known}.")), path)
    value, origin = flat.get(known, (None, "default"))
    said = "" if known in VARIABLES else f" {value!r}"
    return f"{known}{said} ({origin}): {str(error['msg'])[:1].lower()}{str(error['msg'])[1:]}"


def _settings(model: BaseModel, flat: Flat) -> Settings:
    """Back to the frozen structs, whose own checks come last. What was not given keeps the struct's own default."""
    tree = _plain(Settings())
    for path in flat:
        if path not in VARIABLES:
            *parents, name = path.split(".")
            table, given = tree, model
            for parent in parents:
                table, given = table[parent], getattr(given, parent)
            table[name] = getattr(given, name)
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as err:
        message, _, where = str(err).partition(" - at ")
        path = where.strip("`").removeprefix("$.")
        origin = flat.get(path, (None, "default"))[1]
        raise ConfigError(f"{path} ({origin}): {message[:1].lower()}{message[1:]}") from err


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    """A struct and the structs inside it as dictionaries, their values untouched."""
    fields = msgspec.structs.asdict(value)
    return {name: _plain(inside) if isinstance(inside, msgspec.Struct) else inside for name, inside in fields.items()}


def _secrets(model: BaseModel) -> Secrets:
    values: dict[str, SecretStr | None] = {}
    for path in VARIABLES:
        *parents, name = path.split(".")
        holder: Any = model
        for parent in parents:
            holder = getattr(holder, parent, None)
        values[name] = getattr(holder, name, None)
    return Secrets(**values)


def _flag(path: str) -> str:
    """`venue.kind` is `--venue` on the command line; the others keep their last name."""
    return "venue" if path == "venue.kind" else path.rpartition(".")[2].replace("_", "-")
