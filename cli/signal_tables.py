"""Says in Markdown what the signals of several recordings said, and keeps a document's generated section up to date."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vortex.kernel.errors import ConfigError
from vortex.sim.replay_signals import share

if TYPE_CHECKING:
    from cli.signal_runs import Row

BEGIN = "<!-- begin: vortex report signals -->"
END = "<!-- end: vortex report signals -->"
ENGINES = ("e1", "e2", "e3", "e4")
HASH_SHOWN = 12


def section(rows: "Sequence[Row]", about: str) -> str:
    """All tables, one row or column per recording."""
    parts = [
        about,
        _table(["", "recording", "given as", "events", "samples", "warm", "trades", "hash"], map(_recording, rows)),
        "Direction in % of the samples, LONG / NEUTRAL / SHORT, and the strength when there is one, p5 – p50 – p95:",
        _table(["", *(text for engine in ENGINES for text in (engine.upper(), "strength"))], map(_engines, rows)),
        _one_sided(rows),
        "E5 in % of the samples, and conviction of E1 when it has a direction:",
        _table(
            [
                "",
                "TRENDING / RANGING / CHOPPY",
                "LOW / NORMAL / HIGH / EXTREME",
                "in its range",
                "RISK_OFF",
                "conviction",
            ],
            map(_regime, rows),
        ),
        "Final score:",
        _table(
            ["", "p5", "p25", "p50", "p75", "p95", "deviation", "beyond the gate, %", "three agree there, %"],
            map(_score, rows),
        ),
        "Items of the checklist that failed, in % of the samples; in brackets those where nothing else failed:",
        _by_recording(rows, _failed(rows)),
        "Strategies in % of the samples: score reached – score and best – all conditions hold – qualifies. "
        "The last column counts decisions:",
        _table(["", "A", "B", "C", "whole checklist holds", "refused by risk"], map(_strategies, rows)),
        "Conditions of the strategies that failed, in % of the samples, for the side of the score:",
        _by_recording(rows, _conditions(rows)),
    ]
    return "\n\n".join(parts)


def _recording(row: "Row") -> list[str]:
    signals = row.signals
    return [
        row.key,
        row.label,
        f"`{row.source}`" if not row.generated else row.source,
        f"{row.events:,}",
        f"{signals.samples:,}",
        f"{_percent(signals.warm, signals.samples)} %",
        str(row.trades),
        f"`{row.hash[:HASH_SHOWN]}`",
    ]


def _engines(row: "Row") -> list[str]:
    cells = [row.key]
    for engine in ENGINES:
        report = row.signals.engines[engine]
        cells.append(" / ".join(_percent(count, row.signals.samples) for count in report.directions.values()))
        spread = report.strength
        cells.append(" – ".join(f"{spread.quantiles[name]:.2f}" for name in ("p5", "p50", "p95") if spread.count))
    return cells


def _one_sided(rows: "Sequence[Row]") -> str:
    """Which engine never pointed both ways within a recording."""
    found = {engine: [row.key for row in rows if _is_one_sided(row, engine)] for engine in ENGINES}
    said = "; ".join(f"{engine.upper()} on {', '.join(keys)}" for engine, keys in found.items() if keys)
    return f"Never both LONG and SHORT within a recording: {said or 'none'}."


def _is_one_sided(row: "Row", engine: str) -> bool:
    directions = row.signals.engines[engine].directions
    return not (directions["LONG"] and directions["SHORT"])


def _regime(row: "Row") -> list[str]:
    signals, regime = row.signals, row.signals.regime

    def shares(counts: dict[str, int]) -> str:
        return " / ".join(_percent(count, signals.samples) for name, count in counts.items() if name != "UNKNOWN")

    conviction = signals.engines["e1"].conviction
    return [
        row.key,
        shares(regime.phases),
        shares(regime.volatility),
        _percent(regime.in_range, signals.samples),
        _percent(regime.risk_off, signals.samples),
        " – ".join(f"{conviction.quantiles[name]:.2f}" for name in ("p5", "p50", "p95") if conviction.count),
    ]


def _score(row: "Row") -> list[str]:
    spread = row.signals.score
    beyond = _percent(row.signals.beyond_gate, row.signals.samples)
    quantiles = [f"{value:+.2f}" for value in spread.quantiles.values()]
    gate = row.signals.beyond_gate
    agreed = _percent(gate - row.signals.failed_beyond_gate["agreement"], gate) if gate else ""
    return [row.key, *quantiles, f"{spread.std:.2f}", beyond, agreed]


def _failed(rows: "Sequence[Row]") -> list[tuple[str, list[str]]]:
    def cell(row: "Row", item: str) -> str:
        signals = row.signals
        failed, alone = signals.failed.get(item, 0), signals.failed_alone.get(item, 0)
        only = f" ({_percent(alone, signals.samples)})" if alone else ""
        return f"{_percent(failed, signals.samples)}{only}"

    items = dict.fromkeys(item for row in rows for item in row.signals.failed)
    return [(item, [cell(row, item) for row in rows]) for item in items]


def _strategies(row: "Row") -> list[str]:
    samples = row.signals.samples
    cells = [
        " – ".join(_percent(count, samples) for count in (report.scored, report.best, report.held, report.qualified))
        for report in row.signals.strategies.values()
    ]
    refused = ", ".join(f"{code} {count:,}" for code, count in row.refused.items())
    return [row.key, *cells, _percent(row.signals.trades, samples), refused]


def _conditions(rows: "Sequence[Row]") -> list[tuple[str, list[str]]]:
    names = sorted(
        {name for row in rows for report in row.signals.strategies.values() for name in report.conditions_failed}
    )

    def cell(row: "Row", name: str) -> str:
        report = row.signals.strategies[name.partition(".")[0]]
        return _percent(report.conditions_failed.get(name, 0), row.signals.samples)

    return [(name, [cell(row, name) for row in rows]) for name in names]


def _by_recording(rows: "Sequence[Row]", lines: Iterable[tuple[str, list[str]]]) -> str:
    return _table(["", *(row.key for row in rows)], ([f"`{name}`", *cells] for name, cells in lines))


def _percent(count: int, whole: int) -> str:
    """Short, and never 0 for what happened nor 100 for what did not always."""
    percent = 100.0 * share(count, whole)
    if count in {0, whole}:
        return f"{percent:.0f}"
    if percent < 0.05:
        return "<0.1"
    if percent >= 99.95:
        return ">99.9"
    return f"{percent:.1f}" if percent < 9.95 or percent >= 99.5 else f"{percent:.0f}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" if name not in {"recording", "given as"} else "---" for name in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def check_markers(document: Path) -> None:
    """Raises ConfigError when there is no place for the section; OSError when there is no document."""
    text = document.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ConfigError(f"{document}: needs the lines {BEGIN} and {END}, once each, around the generated section")


def rewrite(document: Path, generated: str) -> None:
    """Put the section between its markers; the rest of the document stays as it is."""
    check_markers(document)
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    document.write_text(f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}", encoding="utf-8")
