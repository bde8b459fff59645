"""Writes small files in the layouts of the public dumps, in every container."""

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from vortex.exchange.market_events import MarketEvent

START_MS = 1_763_600_000_000
RECORDED_MS = 1_721_347_020_000
AGG_HEADER = ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"]
Table = list[list[Any]]


def agg_trades(count: int = 300, unit: int = 1) -> Table:
    """Prints round 64,000 that alternate sides every third row; times in ms times `unit`."""
    return [
        [
            number,
            f"{64_000 + (number % 7) / 10 + number // 50:.2f}",
            "0.010",
            number,
            number,
            (RECORDED_MS + 137 * number) * unit,
            str(number % 3 == 0).lower(),
        ]
        for number in range(count)
    ]


def text_of(header: list[str] | None, rows: Table) -> str:
    """The csv text of a table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*([header] if header else []), *rows])
    return text.getvalue()


def as_csv(path: Path, header: list[str] | None, rows: Table) -> Path:
    """A plain csv."""
    path = path.with_suffix(".csv")
    path.write_text(text_of(header, rows))
    return path


def as_gzip(path: Path, header: list[str] | None, rows: Table) -> Path:
    """A gzipped csv."""
    path = path.with_name(path.name + ".csv.gz")
    path.write_bytes(gzip.compress(text_of(header, rows).encode()))
    return path


def as_zip(path: Path, header: list[str] | None, rows: Table) -> Path:
    """A zipped csv, as the public dumps come."""
    path = path.with_name(path.name + ".zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name.replace(".zip", ".csv"), text_of(header, rows))
    return path


def as_parquet(path: Path, header: list[str] | None, rows: Table) -> Path:
    """A parquet file with typed columns."""
    assert header is not None
    path = path.with_name(path.name + ".parquet")
    columns = {name: [number_of(row[place]) for row in rows] for place, name in enumerate(header)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def number_of(value: Any) -> Any:
    """Text as the number or the truth it stands for."""
    if value in ("true", "false"):
        return value == "true"
    return float(value) if isinstance(value, str) and value.replace(".", "", 1).isdigit() else value


def of_kind(events: list[MarketEvent], kind: type) -> list[Any]:
    """The events of one type."""
    return [event for event in events if isinstance(event, kind)]
