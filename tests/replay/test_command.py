"""`vortex replay` and `vortex bench replay`: what they print, how they end, and the hash that repeats."""

import json
from pathlib import Path

import pytest

from cli.replay_run import Run, replay_settings
from tests.cli.commands import run, said
from tests.replay.recordings import FIRST_MS, rows, write, written
from vortex.kernel.clock import SystemClock
from vortex.settings import load

PROMISED = {
    "events",
    "seconds",
    "events_per_s",
    "peak_rss_mb",
    "orders",
    "decisions",
    "trades",
    "pnl_net",
    "hash",
}


def test_two_processes_say_the_same(tmp_path: Path) -> None:
    """Whatever the seed of Python's own hashes."""
    path = write(tmp_path)
    told = []
    for seed in ("0", "4711"):
        done = run(tmp_path, "replay", str(path), "--profile", "drill", "--json", PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    for document in told:
        for name in (
            "seconds",
            "events_per_s",
            "engines_seconds",
            "engines_events_per_s",
            "read_seconds",
            "peak_rss_mb",
        ):
            assert document.pop(name) > 0
    assert told[0] == told[1]
    assert told[0]["decisions"] > 0
    assert told[0]["orders"] > 0


def test_the_size_of_batches_changes_nothing(tmp_path: Path) -> None:
    """Not even the smallest."""
    path = write(tmp_path, 2_000)
    hashes = set()
    for size in (1, 977, 100_000):
        replayed = Run(replay_settings(load({}, flags={"profile": "drill"}).settings, 1_000), SystemClock(), str)
        replayed.recorded([path], None, size)
        hashes.add(replayed.result().hash)
    assert len(hashes) == 1


def test_json_has_the_promised_keys_and_says_what_is_derived(tmp_path: Path) -> None:
    """Names are contracts."""
    result = said(tmp_path, "replay", str(write(tmp_path, 1_500)), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) >= PROMISED
    symbol = document["symbols"]["BTCUSDT"]
    assert (symbol["first_ms"], symbol["market_trades"]) == (FIRST_MS, 1_500)
    assert isinstance(document["pnl_net"], int | float)
    assert any("imagined" in text for text in document["derived"]["BTCUSDT"])


def test_a_person_gets_a_summary(tmp_path: Path) -> None:
    """Distribution, checklist, trades and hash."""
    result = said(tmp_path, "replay", str(write(tmp_path, 3_000)), "--profile", "drill")
    assert result.exit_code == 0, result.output
    for word in ("derived", "score", "decisions", "entries", "hash"):
        assert word in result.stdout


def test_bench_prints_the_promised_keys(tmp_path: Path) -> None:
    """Generated and recorded."""
    for arguments in (("--events", "20000"), ("--data", str(write(tmp_path, 1_500)))):
        result = said(tmp_path, "bench", "replay", *arguments, "--json")
        assert result.exit_code == 0, result.output
        assert set(json.loads(result.stdout)) >= {"events", "seconds", "events_per_s", "peak_rss_mb", "orders"}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (1, "abc"),
        (1, "-3"),
        (1, "nan"),
        (1, "inf"),
        (2, "-1"),
        (2, "nan"),
        (5, "yesterday"),
        (6, "perhaps"),
        (5, FIRST_MS - 3_600_000),
    ],
    ids=[
        "text",
        "negative price",
        "no number as price",
        "endless price",
        "negative quantity",
        "no number as quantity",
        "no time",
        "no side",
        "time runs back",
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, cell: int, value: object) -> None:
    """One message with the file, exit 2, nothing on standard output."""
    path = write(tmp_path, 2_000, broken={(1_700, cell): value})
    result = said(tmp_path, "replay", str(path))
    assert result.exit_code == 2
    assert path.name in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("line", ["[1, 2]", '{"data": [1]}', '{"msg": "hello"}', '{"o": 5}', "7"])
def test_a_line_that_is_no_message_is_named(tmp_path: Path, line: str) -> None:
    """JSON, but not of a market stream."""
    path = tmp_path / "BTCUSDT-raw-ws.jsonl"
    path.write_text(line + "\n")
    result = said(tmp_path, "replay", str(path))
    assert result.exit_code == 2, result.stderr
    assert f"{path}: row 1 " in result.stderr


def test_a_file_whose_name_tells_no_symbol_says_what_to_do(tmp_path: Path) -> None:
    """With --symbol it replays."""
    path = write(tmp_path, 1_500, name="prints.csv.gz")
    result = said(tmp_path, "replay", str(path))
    assert result.exit_code == 2
    assert "the name tells no symbol" in result.stderr
    assert said(tmp_path, "replay", str(path), "--symbol", "BTCUSDT").exit_code == 0


def test_rows_that_are_left_out_are_counted_and_change_nothing(tmp_path: Path) -> None:
    """A print told twice, and one that is older than what came before it."""
    told = rows(2_000)
    older = [*told[990]]
    messy = [*told[:700], told[699], told[699], *told[700:1_000], older, *told[1_000:]]
    documents = []
    for name, table in (("clean", told), ("messy", messy)):
        (tmp_path / name).mkdir()
        path = written(tmp_path / name, table)
        documents.append(json.loads(said(tmp_path, "replay", str(path), "--profile", "drill", "--json").stdout))
    assert documents[0]["hash"] == documents[1]["hash"]
    assert documents[0]["rows_refused"] == {"BTCUSDT": {}}
    assert documents[1]["rows_refused"] == {"BTCUSDT": {"later than what follows it": 1, "trade told twice": 2}}
    shown = said(tmp_path, "replay", str(tmp_path / "messy")).stdout
    assert "2 rows: trade told twice" in shown


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    """By itself and with its folder; without ids no print could be told from another of the same millisecond."""
    table = rows(2_000)
    for row in table:
        row[3] = row[4] = -1
    path = written(tmp_path, table)
    once, twice = (
        json.loads(said(tmp_path, "replay", *map(str, paths), "--profile", "drill", "--json").stdout)
        for paths in ([path], [tmp_path, path])
    )
    assert twice["symbols"]["BTCUSDT"]["market_trades"] == 2_000
    assert twice["rows_refused"] == {"BTCUSDT": {}}
    assert once["hash"] == twice["hash"]


@pytest.mark.parametrize(
    ("known", "found", "expected"),
    [
        ("", "", ["compiling"]),
        ("no cache", "no cache", ["no cache", "compiling"]),
        ("", "damaged", ["compiling", "damaged"]),
    ],
)
def test_kernels_without_a_cache_are_said_before_they_are_compiled(
    monkeypatch: pytest.MonkeyPatch, known: str, found: str, expected: list[str]
) -> None:
    """A minute of silence would look like a fault; what only compiling finds out is said after it."""
    told: list[str] = []

    def compiling() -> str:
        told.append("compiling")
        return found

    monkeypatch.setattr("cli.replay_run.cache_message", lambda: known)
    monkeypatch.setattr("cli.replay_run.compile_all", compiling)
    Run(replay_settings(load({}).settings, 0), SystemClock(), told.append)
    assert told == expected


@pytest.mark.parametrize("unit", [1_000, 1_000_000], ids=["microseconds", "nanoseconds"])
def test_finer_stamps_are_the_same_milliseconds(tmp_path: Path, unit: int) -> None:
    """To the last digit, which a float of nanoseconds would not keep."""
    hashes = set()
    for factor in (1, unit):
        table = rows(2_000)
        for row in table:
            row[5] = int(str(row[5])) * factor
        (tmp_path / str(factor)).mkdir()
        path = written(tmp_path / str(factor), table)
        hashes.add(json.loads(said(tmp_path, "replay", str(path), "--profile", "drill", "--json").stdout)["hash"])
    assert len(hashes) == 1


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path: Path) -> None:
    body = bytearray(path.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 64] = bytes(64)
    path.write_bytes(body)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_truncated, _flipped, _emptied, _removed])
def test_a_damaged_file_is_one_message(tmp_path: Path, damage: object) -> None:
    """Truncated, overwritten, empty, gone."""
    path = write(tmp_path, 2_000)
    assert callable(damage)
    damage(path)
    result = said(tmp_path, "replay", str(path))
    assert result.exit_code == 2, result.output
    assert path.name in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["notes.txt", "BTCUSDT-secrets-2024.csv.gz"])
def test_an_unknown_file_is_refused(tmp_path: Path, name: str) -> None:
    """By its ending or by what it holds."""
    path = tmp_path / name
    path.write_bytes(b"\x1f\x8b nonsense")
    result = said(tmp_path, "replay", str(path))
    assert result.exit_code == 2
    assert name in result.stderr


def test_a_symbol_that_is_not_recorded_is_refused(tmp_path: Path) -> None:
    """And the symbols that are there are named."""
    result = said(tmp_path, "replay", str(write(tmp_path, 1_500)), "--symbol", "ETHUSDT")
    assert result.exit_code == 2
    assert "BTCUSDT" in result.stderr
