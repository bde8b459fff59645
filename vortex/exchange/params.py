"""Reading request parameters: plain strings in, exact numbers out, the exchange's own error codes on the way."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from vortex.exchange.instruments import Instrument
from vortex.exchange.refusal import Refusal

Params: TypeAlias = Mapping[str, str]

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?([eE]-?\d{1,3})?")


def required(params: Params, name: str) -> str:
    """A parameter that must be there and not empty; -1102."""
    value = params.get(name)
    if not value:
        raise Refusal(-1102, name)
    return value


def optional(params: Params, name: str) -> str | None:
    """A parameter that may be absent but not empty; -1105."""
    value = params.get(name)
    if value == "":
        raise Refusal(-1105, name)
    return value


def whole(params: Params, name: str, default: int | None = None) -> int | None:
    """An integer; -1102 when malformed."""
    value = optional(params, name)
    if value is None:
        return default
    if _WHOLE.fullmatch(value) is None:
        raise Refusal(-1102, name)
    return int(value)


def flag(params: Params, name: str) -> bool | None:
    """A boolean in any case; -1102 when malformed."""
    value = optional(params, name)
    if value is None:
        return None
    if value.lower() not in ("true", "false"):
        raise Refusal(-1102, name)
    return value.lower() == "true"


def limit(params: Params, default: int, largest: int) -> int:
    """A page size; -1130 when out of range."""
    value = whole(params, "limit", default)
    if value is None or not 0 < value <= largest:
        raise Refusal(-1130, "limit")
    return value


def window(params: Params, longest_ms: int | None = None) -> tuple[int | None, int | None]:
    """startTime and endTime; -1023 when reversed, -1127 when too far apart."""
    start, end = whole(params, "startTime"), whole(params, "endTime")
    if start is not None and end is not None:
        if start > end:
            raise Refusal(-1023)
        if longest_ms is not None and end - start > longest_ms:
            raise Refusal(-1127, longest_ms // 3_600_000)
    return start, end


def number(params: Params, name: str) -> Decimal | None:
    """A decimal number; -1102 when malformed."""
    value = optional(params, name)
    if value is None:
        return None
    if _NUMBER.fullmatch(value) is None:
        raise Refusal(-1102, name)
    return Decimal(value)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), f"not finite: {value}"
    return max(0, -exponent)


def price_ticks(instrument: Instrument, value: Decimal) -> int:
    """A price in ticks; -1111, -4001, -4013, -4002, -4014."""
    if value <= 0:
        raise Refusal(-4001)
    if _decimals(value) > instrument.price_precision:
        raise Refusal(-1111)
    if value < instrument.min_price:
        raise Refusal(-4013)
    if value > instrument.max_price:
        raise Refusal(-4002)
    ticks, rest = divmod(value, instrument.tick)
    if rest:
        raise Refusal(-4014)
    return int(ticks)


def quantity_lots(instrument: Instrument, value: Decimal, largest: Decimal) -> int:
    """A quantity in lots; -1111, -4003, -4004, -4005, -4023."""
    if value <= 0:
        raise Refusal(-4003)
    if _decimals(value) > instrument.quantity_precision:
        raise Refusal(-1111)
    if value < instrument.min_qty:
        raise Refusal(-4004)
    if value > largest:
        raise Refusal(-4005)
    lots, rest = divmod(value, instrument.step)
    if rest:
        raise Refusal(-4023)
    return int(lots)
