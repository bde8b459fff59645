"""Writes small recordings as the public dumps have them, good ones and broken ones."""

import csv
import gzip
import io
import math
from pathlib import Path

FIRST_MS = 1_721_347_020_000
HEADER = ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"]
NAME = "BTCUSDT-aggTrades-2024-07-19.csv.gz"


def rows(count: int) -> list[list[object]]:
    """Prints every 50 ms on two waves, in runs of the same side."""
    found: list[list[object]] = []
    for number in range(count):
        px = 64_000 + 60 * math.sin(number / 400) + 12 * math.sin(number / 37)
        seller = number % 23 > 10
        at = FIRST_MS + 50 * number
        found.append([number, f"{px:.1f}", f"{0.01 + number % 9 / 50:.3f}", number, number, at, str(seller).lower()])
    return found


def write(
    folder: Path, count: int = 6_000, name: str = NAME, broken: dict[tuple[int, int], object] | None = None
) -> Path:
    """A file of prints; `broken` replaces cells by (row, column)."""
    table = rows(count)
    for (row, column), value in (broken or {}).items():
        table[row][column] = value
    return written(folder, table, name)


def written(folder: Path, table: list[list[object]], name: str = NAME) -> Path:
    """These rows under the usual header, gzipped."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(table)
    path = folder / name
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path
