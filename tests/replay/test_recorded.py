"""Real recordings replay from end to end, each file alone and the sessions as a whole, with signals that live."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import said

ALONE = ("aggTrades", "trades", "raw-ws", "merged")
"""Kinds that make a market by themselves; a book alone does not."""
FOLDERS = ("aggTrades_20260511", "aggTrades_SPOT_LTC_20250621", "l2_20240718", "trx_20250304")
SYMBOL = {"l2_20240718": "ETHUSDT", "trx_20250304": "TRXUSDT"}
"""Sessions with a recorded book."""


def replayed(home: Path, *arguments: str) -> dict[str, object]:
    """The JSON document of a replay that ends well."""
    result = said(home, "replay", *arguments, "--json")
    assert result.exit_code == 0, f"{arguments}: {result.stderr}"
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recorded_file_of_trades_replays(shared_data: Path, tmp_path: Path, folder: str) -> None:
    """Alone, with everything else derived."""
    files = [path for path in (shared_data / "market" / folder).iterdir() if any(kind in path.name for kind in ALONE)]
    assert files
    for path in files:
        document = replayed(tmp_path, str(path))
        assert document["events"], path.name
        symbols = document["symbols"]
        assert isinstance(symbols, dict)
        for symbol in symbols.values():
            assert symbol["market_trades"] > 0, path.name
            assert "NOT_A_NUMBER" not in symbol["input_refused"], path.name


@pytest.mark.parametrize("folder", SYMBOL)
def test_a_recorded_session_has_signals_that_live(shared_data: Path, tmp_path: Path, folder: str) -> None:
    """No engine is stuck: strengths and sides vary, and the score crosses zero."""
    document = replayed(tmp_path, str(shared_data / "market" / folder), "--symbol", SYMBOL[folder])
    symbols = document["symbols"]
    assert isinstance(symbols, dict)
    report = symbols[SYMBOL[folder]]
    assert report["samples_warm"] > 0.5 * report["samples"]
    assert report["score"]["quantiles"]["p5"] < 0.0 < report["score"]["quantiles"]["p95"]
    for engine in ("e1", "e2"):
        assert report["strength"][engine]["std"] > 0.05
        assert {"LONG", "SHORT"} <= set(report["direction"][engine])


def test_a_folder_without_trades_is_refused(shared_data: Path, tmp_path: Path) -> None:
    """Candles alone are no market."""
    result = said(tmp_path, "replay", str(shared_data / "market" / "klines"))
    assert result.exit_code == 2
    assert "needs recorded trades" in result.stderr
