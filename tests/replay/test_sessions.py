"""Later sessions of a recording get a past of their own, and the reference symbols' minutes reach every desk (E5-4)."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cli.replay_reference import References, minute_closes
from cli.replay_run import Run, replay_settings
from tests.cli.commands import said
from tests.replay.conftest import START_MS, Make
from tests.replay.recordings import HEADER
from vortex.adapters.recorded.reading import Units
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.clock import SystemClock
from vortex.settings import load
from vortex.signals.settings import CorrelationSettings
from vortex.sim.replay_desk import ReplayDesk
from vortex.sim.replay_report import SymbolReport

MINUTE = 60_000
FIRST_MS = 1_721_347_020_000
UNITS = {name: Units(contract) for name, contract in DEFAULT_INSTRUMENTS.items()}


def quiet(text: str) -> None:
    """Progress that nobody reads."""


def write_prints(folder: Path, symbol: str, prints: list[tuple[int, float]], day: str = "2024-07-19") -> Path:
    """A file of (time, price) as the public dumps have it."""
    lines = [",".join(HEADER)]
    for number, (at, px) in enumerate(prints):
        lines.append(f"{number},{px:.2f},0.010,{number},{number},{at},{str(number % 23 > 10).lower()}")
    path = folder / f"{symbol}-aggTrades-{day}.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path


def wave(from_ms: int, count: int) -> list[tuple[int, float]]:
    """A print every 100 ms."""
    return [(from_ms + 100 * k, 64_000 + 60 * math.sin(k / 400) + 12 * math.sin(k / 37)) for k in range(count)]


def replayed(paths: list[Path], symbols: list[str] | None = None, size: int = 4_096, profile: str = "drill") -> Run:
    """A replay of these files."""
    run = Run(replay_settings(load({}, flags={"profile": profile}).settings, 1_000), SystemClock(), quiet)
    run.recorded(paths, symbols, size)
    return run


def report_of(run: Run, symbol: str = "BTCUSDT") -> SymbolReport:
    """One symbol's part."""
    return run.result().symbols[symbol]


def test_a_later_session_is_as_warm_as_the_first(tmp_path: Path) -> None:
    """Both halves of the recording are judged from about their first minute on, and no gap is counted between them."""
    one = report_of(replayed([write_prints(tmp_path, "BTCUSDT", wave(FIRST_MS, 1_800))]))
    folder = tmp_path / "two"
    folder.mkdir()
    later = FIRST_MS + 40 * MINUTE
    run = replayed([write_prints(folder, "BTCUSDT", wave(FIRST_MS, 1_800) + wave(later, 1_800))])
    two = report_of(run)
    assert one.samples_warm > one.samples / 2
    assert abs(two.samples_warm - 2 * one.samples_warm) < one.samples / 10
    assert two.market_trades == 3_600
    assert two.counters["trade_gaps"] == 0
    assert "DUPLICATE" not in two.input_refused
    assert "past of session 2: generated, ending at its first price" in run.result().derived["BTCUSDT"]


def test_a_later_session_takes_recorded_minutes_when_there_are_any(tmp_path: Path) -> None:
    """As the first one does."""
    later = FIRST_MS + 100 * MINUTE
    path = write_prints(tmp_path, "BTCUSDT", wave(FIRST_MS, 600) + wave(later, 600))
    rows = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,tb,tbq,ignore"]
    for k in range(90):
        at = later - (90 - k) * MINUTE
        rows.append(f"{at},64000.0,64010.0,63990.0,64000.{k % 10},5.0,{at + MINUTE - 1},320000,9,2.0,128000,0")
    candles = tmp_path / "BTCUSDT-1m-2024-07-19.csv"
    candles.write_text("\n".join(rows) + "\n")
    told = replayed([path, candles]).result().derived["BTCUSDT"]
    assert "past of session 2: 90 recorded minutes, older ones and the last prints generated" in told


@pytest.mark.parametrize("size", [1, 777])
def test_sessions_do_not_depend_on_the_size_of_batches(tmp_path: Path, size: int) -> None:
    """The same hash."""
    path = write_prints(tmp_path, "BTCUSDT", wave(FIRST_MS, 900) + wave(FIRST_MS + 40 * MINUTE, 900))
    assert replayed([path], size=size).result().hash == replayed([path]).result().hash


def test_an_open_trade_ends_with_its_session(make: Make) -> None:
    """Prices of another day must not close it."""
    desk = ReplayDesk(make.bitcoin, make.settings(), SystemClock())
    desk.warm_up(GeneratedMarket(7, ["BTCUSDT"], START_MS).history("BTCUSDT"))
    for batch in make.batches(60_000):
        desk.feed(batch)
        if desk._trade is not None:
            break
    assert desk._trade is not None
    before_ms = desk.board.now_ms
    later = START_MS + 86_400_000
    desk.begin_session(GeneratedMarket(8, ["BTCUSDT"], later).history("BTCUSDT"), 500_000)
    assert desk._trade is None
    closed = desk._book.recent
    assert not closed or closed[-1].exit_ms <= before_ms
    assert desk.board.last_agg_id == 499_999


# Correlation


def parting(minutes: int, parts_at: int) -> dict[str, list[tuple[int, float]]]:
    """Two markets that move together until they part; a print every second."""
    rng = np.random.default_rng(3)
    px = {"BTCUSDT": 64_000.0, "ETHUSDT": 3_400.0}
    found: dict[str, list[tuple[int, float]]] = {symbol: [] for symbol in px}
    for second in range(minutes * 60):
        common = rng.normal(0.0, 2e-4)
        for symbol, prints in found.items():
            move = rng.normal(0.0, 2e-4) if second >= parts_at * 60 else common
            px[symbol] *= math.exp(move)
            prints.append((FIRST_MS + second * 1_000, px[symbol]))
    return found


def risk_off_of(run_paths: list[Path], symbol: str) -> tuple[list[bool], list[str]]:
    """What every sample of a symbol saw, and what was said."""
    seen: list[bool] = []
    run = Run(
        replay_settings(load({}, flags={"profile": "default"}).settings, 60_000),
        SystemClock(),
        quiet,
        lambda _: lambda board, _verdict, _decision: seen.append(board.regime(board.cycle_ms).risk_off),
    )
    run.recorded(run_paths, [symbol])
    return seen, run.result().derived[symbol]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_two_recorded_markets_that_part_are_risk_off(tmp_path: Path, symbol: str) -> None:
    """E5-4 in a replay of either, although each is replayed alone."""
    prints = parting(90, 40)
    paths = [write_prints(tmp_path, name, rows) for name, rows in prints.items()]
    seen, told = risk_off_of(paths, symbol)
    assert not any(seen[:40])
    assert any(seen[45:])
    assert any(text.startswith("correlation of BTCUSDT and ETHUSDT: from 89 minutes") for text in told)


def test_without_the_other_market_it_says_so(tmp_path: Path) -> None:
    """Never RISK_OFF, and the report names what is missing."""
    prints = parting(30, 5)
    seen, told = risk_off_of([write_prints(tmp_path, "BTCUSDT", prints["BTCUSDT"])], "BTCUSDT")
    assert not any(seen)
    assert "correlation of BTCUSDT and ETHUSDT: left out, no minutes of ETHUSDT are recorded" in told


def test_a_recording_of_minutes_is_said_to_be_too_short(tmp_path: Path) -> None:
    """Ten returns of ten minutes are the least that is judged."""
    paths = [write_prints(tmp_path, name, rows) for name, rows in parting(12, 60).items()]
    found = References(paths, CorrelationSettings(), UNITS)
    assert len(found.candles) == 2 * 11
    assert found.said.endswith("from 11 minutes recorded of both, too few to be judged (20)")


def test_recorded_candles_alone_are_a_reference_too(tmp_path: Path) -> None:
    """The other market may be there as one-minute candles only."""
    prints = parting(40, 60)
    path = write_prints(tmp_path, "BTCUSDT", prints["BTCUSDT"])
    closes = minute_closes([(at, round(px * 100)) for at, px in prints["ETHUSDT"]])
    rows = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,tb,tbq,ignore"]
    rows += [f"{at},{p / 100},{p / 100},{p / 100},{p / 100},5.0,{at + 59_999},1,9,2.0,1,0" for at, p in closes.items()]
    (tmp_path / "ETHUSDT-1m-2024-07-19.csv").write_text("\n".join(rows) + "\n")
    found = References([path, tmp_path / "ETHUSDT-1m-2024-07-19.csv"], CorrelationSettings(), UNITS)
    assert {candle.symbol for candle in found.candles} == {"BTCUSDT", "ETHUSDT"}
    assert "from 39 minutes recorded of both" in found.said
    times = [candle.ts_ms for candle in found.candles]
    assert times == sorted(times)


def test_markets_recorded_at_different_times_have_no_correlation(tmp_path: Path) -> None:
    """Nothing to compare."""
    late = [(at + 86_400_000, px) for at, px in parting(20, 60)["ETHUSDT"]]
    paths = [
        write_prints(tmp_path, "BTCUSDT", parting(20, 60)["BTCUSDT"]),
        write_prints(tmp_path, "ETHUSDT", late, "2024-07-20"),
    ]
    found = References(paths, CorrelationSettings(), UNITS)
    assert found.candles == []
    assert found.said.endswith("left out, never recorded at one time")


def test_minutes_are_whole_and_repeat_where_nothing_traded() -> None:
    """Begun and unfinished ones are left out, on either side of a long pause too."""
    at = [30_000, 61_000, 119_000, 245_000, 300_000]
    closes = minute_closes((FIRST_MS + ms, px) for px, ms in enumerate(at, start=1))
    assert closes == {FIRST_MS + MINUTE * k: px for k, px in ((1, 3), (2, 3), (3, 3), (4, 4))}
    assert minute_closes([(FIRST_MS, 1), (FIRST_MS + MINUTE, 2)]) == {FIRST_MS: 1}
    assert minute_closes([(FIRST_MS, 1), (FIRST_MS + 60 * MINUTE, 2), (FIRST_MS + 61 * MINUTE, 3)]) == {
        FIRST_MS + 60 * MINUTE: 2
    }


def test_the_document_says_what_the_correlation_is_made_of(tmp_path: Path) -> None:
    """In the JSON that the command prints."""
    result = said(tmp_path, "replay", str(write_prints(tmp_path, "BTCUSDT", wave(FIRST_MS, 300))), "--json")
    assert result.exit_code == 0, result.output
    assert any("correlation" in text for text in json.loads(result.stdout)["derived"]["BTCUSDT"])
