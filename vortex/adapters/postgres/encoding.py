"""Records as the JSON that the database function `journal_commit` reads: flat, money as text, prices beside ticks."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, assert_never

import msgspec

from vortex.domain.instruments import Instrument
from vortex.domain.records import (
    DifferenceFound,
    EquityTaken,
    FillRecorded,
    OrderChanged,
    OrderIntended,
    Record,
    TradeFinished,
    TradeOpened,
)

_encode = msgspec.json.Encoder().encode


def encode_batch(records: Sequence[Record], instruments: Mapping[str, Instrument]) -> str:
    """A batch in order. Prices and quantities in quote and base units are null for an instrument not yet known."""
    return _encode([encode_record(record, instruments) for record in records]).decode()


def encode_record(record: Record, instruments: Mapping[str, Instrument]) -> dict[str, Any]:
    """One record; `is` names its kind to the database."""
    match record:
        case TradeOpened():
            return _opened(record, instruments.get(record.plan.symbol))
        case OrderIntended():
            return _intended(record, instruments.get(record.spec.symbol))
        case OrderChanged():
            return _flat("changed", record)
        case FillRecorded():
            return _fill(record, instruments.get(record.fill.symbol))
        case TradeFinished():
            return _flat("finished", record)
        case DifferenceFound():
            return _difference(record)
        case EquityTaken():
            return _flat("equity", record)
        case _:
            assert_never(record)


def _flat(kind: str, record: msgspec.Struct) -> dict[str, Any]:
    return {"is": kind, **msgspec.structs.asdict(record)}


def _opened(record: TradeOpened, instrument: Instrument | None) -> dict[str, Any]:
    plan = record.plan
    return {
        "is": "opened",
        "ts_ms": record.ts_ms,
        "adopted": record.adopted,
        "plan": plan,
        "signals": msgspec.Raw(plan.signals_json.encode()) if plan.signals_json else None,
        "sl_price": _price(instrument, plan.stop_px_ticks),
        "tp1_price": _price(instrument, plan.take_profit_px_ticks),
    }


def _intended(record: OrderIntended, instrument: Instrument | None) -> dict[str, Any]:
    spec = record.spec
    return {
        **_flat("intended", spec),
        "ts_ms": record.ts_ms,
        "is_algo": spec.is_algo,
        "quantity": _quantity(instrument, spec.qty_lots),
        "price": _price(instrument, spec.px_ticks),
        "trigger_price": _price(instrument, spec.trigger_ticks),
    }


def _fill(record: FillRecorded, instrument: Instrument | None) -> dict[str, Any]:
    fill = record.fill
    return {
        **_flat("fill", fill),
        "trade_no": record.trade_no,
        "fee_cash": record.fee_cash,
        "quantity": _quantity(instrument, fill.qty_lots),
        "price": _price(instrument, fill.px_ticks),
    }


def _difference(record: DifferenceFound) -> dict[str, Any]:
    """A reconciliation difference as a row of the audit log, once per (kind, symbol, key, time)."""
    detail = msgspec.structs.asdict(record)
    return {
        "is": "audit",
        "ts_ms": record.ts_ms,
        "kind": "reconcile.difference",
        "detail": detail,
        "once_key": f"{record.kind}|{record.symbol}|{record.key}|{record.ts_ms}|{record.rule}",
    }


def _price(instrument: Instrument | None, ticks: int) -> Decimal | None:
    return instrument.price(ticks) if instrument is not None and ticks else None


def _quantity(instrument: Instrument | None, lots: int) -> Decimal | None:
    return instrument.quantity(lots) if instrument is not None and lots else None
