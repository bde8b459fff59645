"""Rows out of recorded files, streamed: csv, csv.gz, zip and parquet, and lines of jsonl and jsonl.gz.

A file is never loaded whole. Trouble is a ConfigError that names the file and the row, because a broken recording
is for the operator to mend.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.parquet

from vortex.kernel.errors import ConfigError

TEXT = "utf-8-sig"
"""A byte order mark at the beginning of a file is nobody's column."""

BATCH_ROWS = 8_192
"""Rows of parquet in memory at once."""

TABLE_SUFFIXES = (".csv", ".csv.gz", ".zip", ".parquet")
LINE_SUFFIXES = (".jsonl", ".jsonl.gz")
WHOLE_SUFFIXES = (".json",)
SUFFIXES = (*TABLE_SUFFIXES, *LINE_SUFFIXES, *WHOLE_SUFFIXES)

Row = tuple[int, list[Any]]
"""Row number, counted from one and including a header line, and its values: text from csv, numbers from parquet."""


def suffix_of(path: Path) -> str:
    """The known ending of a file's name, or an error that says which are known."""
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise ConfigError(f"{path}: cannot read this kind of file; known endings are {', '.join(SUFFIXES)}")


@dataclass(frozen=True, slots=True)
class Head:
    """What a table begins with: its header names, empty when it has none, and the first row of values."""

    names: tuple[str, ...]
    first: tuple[Any, ...]


def head_of(path: Path) -> Head:
    """Header and first row of a table."""
    if suffix_of(path) == ".parquet":
        with _explained(path, "schema"):
            names = tuple(pyarrow.parquet.ParquetFile(path).schema_arrow.names)
        return Head(names, tuple(next(rows(path), (0, []))[1]))
    lines = _csv_rows(path)
    first = next(lines, None)
    if first is None:
        raise ConfigError(f"{path}: the file is empty")
    if _is_header(first[1]):
        return Head(tuple(name.strip() for name in first[1]), tuple(next(lines, (0, []))[1]))
    return Head((), tuple(first[1]))


def rows(path: Path) -> Iterator[Row]:
    """All rows of values, without the header."""
    if suffix_of(path) == ".parquet":
        yield from _parquet_rows(path)
        return
    for number, values in _csv_rows(path):
        if number == 1 and _is_header(values):
            continue
        yield number, values


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a text file, gzipped or not."""
    number = 0
    with _text(path) as text:
        while True:
            with _explained(path, f"line {number + 1}"):
                line = text.readline()
            if not line:
                return
            number += 1
            yield number, line


def _is_header(values: list[str]) -> bool:
    """A header's first cell is not a number and not a date."""
    return bool(values) and not values[0][:1].isdigit() and values[0][:1] != "-"


def _csv_rows(path: Path) -> Iterator[Row]:
    number = 0
    with _text(path) as text:
        reader = csv.reader(text)
        width = 0
        while True:
            with _explained(path, f"line {number + 1}"):
                values = next(reader, None)
            if values is None:
                return
            number += 1
            if not values:
                continue
            width = width or len(values)
            if len(values) != width:
                raise ConfigError(f"{path}: line {number} has {len(values)} columns where {width} are expected")
            yield number, values


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    """The text of a csv, unpacked on the way."""
    name = path.name.lower()
    if name.endswith(".zip"):
        with _explained(path, "archive"):
            archive = zipfile.ZipFile(path)
        with archive:
            members = [each for each in archive.namelist() if each.lower().endswith(".csv")]
            if len(members) != 1:
                raise ConfigError(f"{path}: expected one csv inside, found {members or archive.namelist()}")
            with _explained(path, "archive"):
                member = archive.open(members[0])
            with member as raw, io.TextIOWrapper(raw, encoding=TEXT) as text:
                yield text
    elif name.endswith(".gz"):
        with gzip.open(path, "rt", encoding=TEXT, newline="") as text:
            yield text
    else:
        with path.open(encoding=TEXT, newline="") as text:
            yield text


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    with _explained(path, "schema"):
        batches = pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS)
    while True:
        with _explained(path, f"row {number + 1}"):
            batch = next(batches, None)
        if batch is None:
            return
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            number += 1
            yield number, list(values)


@contextmanager
def _explained(path: Path, where: str) -> Iterator[None]:
    """Turn what readers raise on damaged files into one error that names the place."""
    try:
        yield
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except (
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        UnicodeDecodeError,
        csv.Error,
        zipfile.BadZipFile,
        zlib.error,
        pyarrow.ArrowException,
    ) as error:
        raise ConfigError(f"{path}: unreadable at {where}: {error}") from error
