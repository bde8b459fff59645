"""`vortex report signals`: pictures, tables and JSON of a recording, and how it ends when something is missing."""

import csv
import gzip
import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cli.plots import IN_THE_DARK
from cli.signal_tables import BEGIN, END
from tests.cli.commands import run, said
from tests.replay.recordings import FIRST_MS, write

PICTURES = {f"signals-e{number}.svg" for number in range(1, 6)} | {
    f"signals-{name}.svg" for name in ("directions", "strengths", "scores", "checklist", "strategies")
}
LARGEST = 120_000
SHORT = ("--hours", "0")


def page(folder: Path) -> Path:
    """A document with a place for the section."""
    path = folder / "page.md"
    path.write_text(f"# Title\n\n{BEGIN}\nformer\n{END}\n\nThe end.\n", encoding="utf-8")
    return path


def document(home: Path, *arguments: str) -> dict[str, object]:
    """The JSON of a report that ends well."""
    result = said(home, "report", "signals", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_json_has_the_promised_keys_and_the_hash_of_the_replay(tmp_path: Path) -> None:
    """Names are contracts; what is reported is what `vortex replay` replays."""
    path = str(write(tmp_path, 3_000))
    report = document(tmp_path, path, *SHORT)
    assert set(report) == {"profile", "recordings", "pictures"}
    (row,) = report["recordings"]
    assert set(row) >= {"key", "label", "source", "generated", "minutes", "events", "hash", "derived", "signals"}
    assert set(row["signals"]) >= {"samples", "warm", "engines", "regime", "score", "failed", "strategies", "trades"}
    assert set(row["signals"]["engines"]) == {"e1", "e2", "e3", "e4"}
    replay = json.loads(said(tmp_path, "replay", path, "--json").stdout)
    assert replay["symbols"]["BTCUSDT"]["hash"] == row["hash"]
    assert replay["symbols"]["BTCUSDT"]["samples"] == row["signals"]["samples"]


def test_pictures_are_small_well_formed_and_dark_by_wish(tmp_path: Path) -> None:
    """Every color in them has a counterpart in the dark; no date, no machine."""
    pytest.importorskip("matplotlib")
    folder = tmp_path / "deep" / "img"
    report = document(tmp_path, str(write(tmp_path, 3_000)), "--hours", "0.02", "--out", str(folder))
    assert set(report["pictures"]) == PICTURES == {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text) < LARGEST, path.name
        assert ET.fromstring(text).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in text
        assert set(re.findall(r"(?:fill|stroke): (#\w+)", text)) <= set(IN_THE_DARK), path.name
        assert not re.search(r"<dc:date>|matplotlib v|DejaVu", text), path.name


def test_a_recording_of_three_seconds_is_drawn_too(tmp_path: Path) -> None:
    """Three samples, and histograms of next to nothing."""
    pytest.importorskip("matplotlib")
    path = str(write(tmp_path, 60))
    (row,) = document(tmp_path, path, *SHORT, "--out", str(tmp_path / "img"))["recordings"]
    assert 0 < row["signals"]["samples"] < 5


def test_two_processes_draw_and_write_the_same(tmp_path: Path) -> None:
    """To the byte, whatever the seed of Python's own hashes."""
    pytest.importorskip("matplotlib")
    path = str(write(tmp_path, 2_000))
    written = []
    for seed in ("0", "4711"):
        folder = tmp_path / seed
        folder.mkdir()
        docs = page(folder)
        done = run(
            tmp_path,
            *("report", "signals", path, "--hours", "0.02", "--out", str(folder), "--docs", str(docs)),
            PYTHONHASHSEED=seed,
        )
        assert done.returncode == 0, done.stderr
        written.append({each.name: each.read_bytes() for each in folder.iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == len(PICTURES) + 1


def test_the_section_of_a_document_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """Again and again, without growing; tables need no matplotlib."""
    docs = page(tmp_path)
    arguments = ("report", "signals", str(write(tmp_path, 2_000)), *SHORT, "--docs", str(docs))
    result = said(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    assert "R1 BTC 2024-07-1" in result.stdout
    once = docs.read_text(encoding="utf-8")
    assert once.startswith(f"# Title\n\n{BEGIN}\n\nProfile `default`")
    assert once.endswith(f"{END}\n\nThe end.\n")
    assert "former" not in once
    for word in ("`score`", "`agreement`", "`feed_warm`", "`strategy`", "`A.trigger.spike`", "`B.confirm`"):
        assert word in once
    assert said(tmp_path, *arguments).exit_code == 0
    assert docs.read_text(encoding="utf-8") == once


def test_every_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    """A row that is short or long is not drawn as a table."""
    docs = page(tmp_path)
    assert said(tmp_path, "report", "signals", str(write(tmp_path, 500)), *SHORT, "--docs", str(docs)).exit_code == 0
    for table in docs.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in table.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1, table


def test_generated_hours_stand_beside_the_recordings(tmp_path: Path) -> None:
    """Two symbols of the market that the simulated exchange makes; another seed is another market."""
    path = str(write(tmp_path, 500))
    rows = [document(tmp_path, path, "--hours", "0.05", "--seed", seed)["recordings"] for seed in ("7", "7", "8")]
    assert [row["key"] for row in rows[0]] == ["R1", "G1", "G2"]
    assert [row["generated"] for row in rows[0]] == [False, True, True]
    assert rows[0][1]["minutes"] == pytest.approx(3.0, abs=0.1)
    assert rows[0] == rows[1]
    assert rows[0][1]["hash"] != rows[2][1]["hash"]


def test_minutes_given_beside_a_recording_are_its_past(tmp_path: Path) -> None:
    """Those of the days before; those of another year are left aside."""
    path = write(tmp_path, 500)
    near, far = tmp_path / "near", tmp_path / "far"
    for folder, end_ms in ((near, FIRST_MS), (far, FIRST_MS - 400 * 86_400_000)):
        folder.mkdir()
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["open_time", "open", "high", "low", "close", "volume"])
        first_ms = end_ms // 60_000 * 60_000 - 90 * 60_000
        writer.writerows([first_ms + 60_000 * at, 64_000, 64_010, 63_990, 64_000 + at % 7, 5] for at in range(90))
        (folder / "BTCUSDT-1m-klines.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
    for folder, recorded in ((near, True), (far, False)):
        (row,) = document(tmp_path, str(path), str(folder), *SHORT)["recordings"]
        assert any("recorded minutes" in text for text in row["derived"]) is recorded


def test_without_matplotlib_it_says_what_to_install_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is replayed; the tables do without it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = str(write(tmp_path, 500))
    result = said(tmp_path, "report", "signals", path, *SHORT, "--out", str(tmp_path / "img"))
    assert result.exit_code == 2
    assert "pip install 'vortex7[plots]'" in result.stderr
    assert "replaying" not in result.stderr
    assert not (tmp_path / "img").exists()
    assert document(tmp_path, path, *SHORT)["pictures"] == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """One message, exit 2."""
    result = said(tmp_path, "report", "signals", str(tmp_path / "nowhere"), *SHORT)
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_written_is_named_at_once(tmp_path: Path) -> None:
    """Here a file stands in its place."""
    pytest.importorskip("matplotlib")
    (tmp_path / "img").write_text("not a folder")
    path = str(write(tmp_path, 500))
    for target in (tmp_path / "img", tmp_path / "img" / "below"):
        result = said(tmp_path, "report", "signals", path, *SHORT, "--out", str(target))
        assert result.exit_code == 1
        assert "img" in result.stderr
        assert "replaying" not in result.stderr


def test_a_document_without_a_place_is_refused_at_once(tmp_path: Path) -> None:
    """Missing, unmarked, marked twice or the wrong way round; and it stays as it was."""
    path = str(write(tmp_path, 500))
    missing = said(tmp_path, "report", "signals", path, *SHORT, "--docs", str(tmp_path / "none.md"))
    assert missing.exit_code == 1
    assert "none.md" in missing.stderr
    for text in ("nothing", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n" * 2):
        docs = tmp_path / "page.md"
        docs.write_text(text)
        result = said(tmp_path, "report", "signals", path, *SHORT, "--docs", str(docs))
        assert result.exit_code == 2
        assert "page.md" in result.stderr
        assert "replaying" not in result.stderr
        assert docs.read_text() == text


def test_no_recording_is_refused(tmp_path: Path) -> None:
    """Candles alone are no market."""
    text = "open_time,open,high,low,close,volume\n1700000000000,1,1,1,1,1\n1700000060000,1,1,1,1,1\n"
    path = tmp_path / "BTCUSDT-1m-klines.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    result = said(tmp_path, "report", "signals", str(path), *SHORT)
    assert result.exit_code == 2
    assert "nothing to replay" in result.stderr


def test_a_recorded_session_has_living_engines(shared_data: Path, tmp_path: Path) -> None:
    """Two symbols with a recorded book, and a document that names both."""
    docs = page(tmp_path)
    folder = shared_data / "market" / "l2_20240718"
    rows = document(tmp_path, str(folder), *SHORT, "--docs", str(docs))["recordings"]
    assert [row["label"].split()[0] for row in rows] == ["BTC", "ETH"]
    for row in rows:
        signals = row["signals"]
        assert signals["warm"] > 0.9 * signals["samples"]
        for engine in ("e1", "e2"):
            assert min(signals["engines"][engine]["directions"].values()) > 0.05 * signals["samples"]
            assert signals["engines"][engine]["strength"]["std"] > 0.05
        assert 0 < signals["strategies"]["A"]["qualified"] < signals["strategies"]["A"]["best"]
        assert 0 < signals["failed"]["agreement"] < signals["failed"]["score"] < signals["samples"]
    assert "| R2 | ETH 2024-07-18, 8 min | `l2_20240718` |" in docs.read_text(encoding="utf-8")
