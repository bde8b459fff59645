"""API keys of the simulated exchange's users, from a TOML or JSON file of their own.

Each entry of `keys` has `key`, and `secret` or `public_key` (PEM) or `public_key_file` (beside the file); optional are
`name`, `account`, `rights` out of read, trade, withdraw, `ip` (addresses or networks) and `balance` of the account.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from vortex.exchange.auth import ApiKey
from vortex.kernel.errors import ConfigError

RIGHTS = ("read", "trade", "withdraw")
FIELDS = frozenset({"name", "key", "secret", "public_key", "public_key_file", "account", "rights", "ip", "balance"})
Balances = Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a file, and what their accounts own at the start, by account and asset."""

    keys: tuple[ApiKey, ...]
    balances: Balances


def load_keys(path: Path) -> Keyring:
    """Read a key file; raises ConfigError that names entry and field, never a secret."""
    try:
        text = path.read_text()
        body = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read the keys in {path}: {error.strerror or error}") from error
    except (ValueError, UnicodeDecodeError):
        # Without the parser's own words: they may quote a line that holds a secret.
        raise ConfigError(f"{path} is not {'JSON' if path.suffix == '.json' else 'TOML'}") from None
    rows = body.get("keys") if isinstance(body, dict) else body
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path} has no list `keys` of tables")
    keys: dict[str, ApiKey] = {}
    balances: dict[str, Mapping[str, Decimal]] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{path}: key {number}" + (f" ({row['name']})" if isinstance(row.get("name"), str) else "")
        key = _key(row, path.parent, where)
        if key.key in keys:
            raise ConfigError(f"{where}: the same `key` stands in it twice")
        keys[key.key] = key
        if "balance" in row:
            owned = _balance(row["balance"], where)
            if balances.setdefault(key.account, owned) != owned:
                raise ConfigError(f"{where}: another key gives account {key.account} another balance")
    return Keyring(tuple(keys.values()), balances)


def _key(row: Mapping[str, Any], folder: Path, where: str) -> ApiKey:
    unknown = sorted(set(row) - FIELDS)
    if unknown:
        raise ConfigError(f"{where}: unknown field {unknown[0]}; known are {', '.join(sorted(FIELDS))}")
    rights = _texts(row, "rights", ("read", "trade"), where)
    if set(rights) - set(RIGHTS):
        raise ConfigError(f"{where}: rights are {', '.join(RIGHTS)}")
    pem = _text(row, "public_key", where)
    file = _text(row, "public_key_file", where)
    if pem and file:
        raise ConfigError(f"{where}: public_key and public_key_file exclude each other")
    if file:
        try:
            pem = (folder / file).read_text()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{where}: cannot read public_key_file {file}") from None
    try:
        return ApiKey(
            key=_text(row, "key", where),
            secret=_text(row, "secret", where),
            account=_text(row, "account", where) or "main",
            can_trade="trade" in rights,
            can_withdraw="withdraw" in rights,
            can_read="read" in rights,
            public_key=pem,
            addresses=_texts(row, "ip", (), where),
            name=_text(row, "name", where),
        )
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name, "")
    if isinstance(value, str):
        return value
    raise ConfigError(f"{where}: {name} is text")


def _texts(row: Mapping[str, Any], name: str, default: tuple[str, ...], where: str) -> tuple[str, ...]:
    value = row.get(name, list(default))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise ConfigError(f"{where}: {name} is a list of texts")


def _balance(value: object, where: str) -> Mapping[str, Decimal]:
    """A number of USDT, or a table of assets."""
    table = value if isinstance(value, dict) else {"USDT": value}
    try:
        owned = {str(asset): Decimal(str(amount)) for asset, amount in table.items()}
    except InvalidOperation:
        raise ConfigError(f"{where}: balance is a number, or a table of numbers by asset") from None
    if any(not amount.is_finite() or amount < 0 for amount in owned.values()):
        raise ConfigError(f"{where}: balance is not negative")
    return owned
