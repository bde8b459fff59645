"""Draws what the signals of several recordings said, one row or panel per recording."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.plots import BLUE, GRAY, GREEN, INK, ORANGE, PALE, PAPER, PURPLE, SOFT, grid_of, save
from vortex.domain.signals import Strategy
from vortex.sim.replay_signals import share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cli.signal_runs import Row
    from vortex.sim.replay_signals import EngineReport, StrategyReport

ENGINES = {"e1": "E1, order flow", "e2": "E2, tick", "e3": "E3, technical", "e4": "E4, sentiment"}
STRATEGIES = {
    Strategy.MOMENTUM_RIDE.value: "A, momentum ride",
    Strategy.MEAN_REVERSION.value: "B, mean reversion",
    Strategy.LIQUIDATION_CASCADE.value: "C, liquidation cascade",
}
WIDTH = 9.4
ROOM = 1.4
"""How much higher than its highest bar a histogram is, for the words in it."""
FULL = 88.0
"""Bars longer than this have no room beside them."""
MARK = (0, (2, 2))
PHASES = {"TRENDING": PURPLE, "RANGING": GREEN, "CHOPPY": GRAY, "UNKNOWN": PALE}
VOLATILITY = {"LOW": GREEN, "NORMAL": GRAY, "HIGH": PURPLE, "EXTREME": INK, "UNKNOWN": PALE}
SIDES = {"LONG": BLUE, "NEUTRAL": GRAY, "SHORT": ORANGE, "not warm": PALE}

Parts = dict[str, int]


def draw_directions(rows: "Sequence[Row]", path: Path) -> None:
    """How often each engine pointed where, and E5's phases."""
    figure, axes = grid_of(2, 3, WIDTH, 2 * (0.95 + 0.2 * len(rows)))

    def sides(engine: str) -> "Callable[[Row], Parts]":
        return lambda row: sides_of(row.signals.engines[engine])

    charts: list[tuple[str, dict[str, str], Callable[[Row], Parts]]] = [
        (title, SIDES, sides(engine)) for engine, title in ENGINES.items()
    ]
    charts.append(("E5, trend phase", PHASES, lambda row: row.signals.regime.phases))
    charts.append(("E5, volatility phase", VOLATILITY, lambda row: row.signals.regime.volatility))
    for number, (ax, (title, colors, parts_of)) in enumerate(zip(axes, charts, strict=True)):
        _stacked(ax, rows, title, colors, parts_of)
        ax.tick_params(axis="y", labelleft=number % 3 == 0)
        ax.set_xlabel("% of the samples" if number >= 3 else "")
    save(figure, path, "Where each engine pointed, and the phases of E5, by recording")


def sides_of(engine: "EngineReport") -> Parts:
    """Directions of an engine with the samples apart in which it was not warm, which are NEUTRAL."""
    parts = dict(engine.directions)
    return {**parts, "NEUTRAL": parts["NEUTRAL"] - engine.cold, "not warm": engine.cold}


def _stacked(
    ax: "Axes", rows: "Sequence[Row]", title: str, colors: dict[str, str], parts_of: "Callable[[Row], Parts]"
) -> None:
    """Bars of shares, one per recording; the legend names what occurs."""
    lefts = [0.0] * len(rows)
    places = range(len(rows))
    for part, color in colors.items():
        widths = [100.0 * share(parts_of(row)[part], row.signals.samples) for row in rows]
        if any(widths):
            ax.barh(places, widths, left=lefts, color=color, label=part, height=0.74, edgecolor=PAPER, linewidth=0.4)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    ax.set_title(title, pad=18.0)
    ax.set_xlim(0.0, 100.0)
    ax.set_yticks(places, [f"{row.key} {row.label}" for row in rows])
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    legend = ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=len(colors),
        columnspacing=1.0,
        handlelength=0.9,
        handletextpad=0.4,
        borderaxespad=0.1,
        fontsize=7.0,
    )
    legend.set_in_layout(False)


def draw_strengths(rows: "Sequence[Row]", path: Path) -> None:
    """The strength of each engine when it has a direction."""
    figure, axes = grid_of(len(rows), len(ENGINES), WIDTH, 0.75 + 0.62 * len(rows), same_x=True)
    for number, row in enumerate(rows):
        for column, (engine, title) in enumerate(ENGINES.items()):
            ax = axes[number * len(ENGINES) + column]
            report = row.signals.engines[engine]
            _bars(ax, report.strength_bins, 0.0, 1.0, BLUE)
            voiced = report.strength.count
            text = f"direction in {100.0 * share(voiced, row.signals.samples):.0f} %"
            ax.annotate(text, (0.02, 0.98), **_corner("left"))
            ax.set_xticks([0.0, 0.5, 1.0])
            if number == 0:
                ax.set_title(title)
            if column == 0:
                _name_row(ax, row)
            if number == len(rows) - 1:
                ax.set_xlabel("strength")
    save(figure, path, "Strength of each engine when it has a direction, by recording")


def _name_row(ax: "Axes", row: "Row") -> None:
    """The recording's name, to the left of its row."""
    name = f"{row.key} {row.label}".replace(", ", "\n")
    ax.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6.0)


def _corner(side: str) -> dict[str, Any]:
    return {"xycoords": "axes fraction", "ha": side, "va": "top", "color": SOFT, "size": 7.0}


def _bars(ax: "Axes", counts: Sequence[int], low: float, high: float, color: str) -> None:
    """A histogram of shares without a scale: only its shape is meant."""
    edges = [low + (high - low) * at / len(counts) for at in range(len(counts) + 1)]
    ax.stairs(counts, edges, fill=True, color=color)
    ax.set_xlim(low, high)
    ax.set_ylim(0.0, ROOM * max(1, *counts))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def draw_scores(rows: "Sequence[Row]", path: Path) -> None:
    """The distribution of the final score, with the gate."""
    columns = 3
    lines = -(-len(rows) // columns)
    figure, axes = grid_of(lines, columns, WIDTH, 1.45 * lines + 0.2)
    for number, (ax, row) in enumerate(zip(axes, rows, strict=False)):
        report = row.signals
        _bars(ax, report.score_bins, -1.0, 1.0, BLUE)
        for side in (-1.0, 1.0):
            ax.axvline(side * report.gate, color=ORANGE, linewidth=1.0, linestyle=MARK)
        beyond = 100.0 * share(report.beyond_gate, report.samples)
        ax.annotate(f"beyond ±{report.gate:g}: {beyond:.1f} %", (0.5, 0.98), **_corner("center"))
        ax.set_title(f"{row.key} {row.label}", fontsize=8.5)
        ax.set_xlabel("final score" if number >= len(rows) - columns else "")
        ax.set_ylabel("" if number % columns else "share")
    _rest_off(axes, len(rows))
    save(figure, path, "Distribution of the final score, by recording")


def _rest_off(axes: "Sequence[Axes]", used: int) -> None:
    for ax in axes[used:]:
        ax.set_axis_off()


def draw_checklist(rows: "Sequence[Row]", path: Path) -> None:
    """How often each item of the checklist fails, and how often it alone."""
    columns = 3
    lines = -(-len(rows) // columns)
    figure, axes = grid_of(lines, columns, WIDTH, 2.25 * lines + 0.2)
    for number, (ax, row) in enumerate(zip(axes, rows, strict=False)):
        report = row.signals
        items = list(report.failed)
        failed = [100.0 * share(report.failed[item], report.samples) for item in items]
        ax.barh(items, failed, color=BLUE, height=0.68, label="failed")
        alone = [100.0 * share(report.failed_alone[item], report.samples) for item in items]
        ax.barh(items, alone, color=ORANGE, height=0.68, label="failed alone")
        for place, percent in enumerate(failed):
            _number(ax, place, percent)
        ax.set_xlim(0.0, 100.0)
        ax.set_xlabel("% of the samples" if number >= len(rows) - columns else "")
        ax.set_title(f"{row.key} {row.label}", fontsize=8.5)
        ax.tick_params(axis="y", labelsize=7.0)
        if number % columns:
            ax.tick_params(axis="y", labelleft=False)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.spines["left"].set_visible(False)
    axes[0].legend(loc="center right", fontsize=7.0, handlelength=0.9)
    _rest_off(axes, len(rows))
    save(figure, path, "How often each item of the checklist fails, by recording")


def _number(ax: "Axes", place: int, percent: float) -> None:
    """The length of a bar in words, beside it or, where there is no room, in it."""
    inside = percent > FULL
    ax.annotate(
        f"{percent:.0f}" if percent >= 0.95 else "<1" if percent else "",
        (percent, place),
        xytext=(-3.0 if inside else 3.0, 0.0),
        textcoords="offset points",
        ha="right" if inside else "left",
        va="center",
        size=6.5,
        color=PAPER if inside else SOFT,
    )


def draw_strategies(rows: "Sequence[Row]", path: Path) -> None:
    """The score of each strategy, and how often it passes."""
    figure, axes = grid_of(len(rows), len(STRATEGIES), WIDTH, 0.75 + 0.66 * len(rows), same_x=True)
    for number, row in enumerate(rows):
        for column, (strategy, title) in enumerate(STRATEGIES.items()):
            ax = axes[number * len(STRATEGIES) + column]
            _tenths(ax, row.signals.strategies[strategy], row.signals.strategy_min, row.signals.samples)
            if number == 0:
                ax.set_title(title)
            if column == 0:
                _name_row(ax, row)
            if number == len(rows) - 1:
                ax.set_xlabel("strategy score")
    save(figure, path, "Scores of the strategies and how often they qualify, by recording")


def _tenths(ax: "Axes", report: "StrategyReport", least: float, samples: int) -> None:
    scores = [float(score) for score in report.scores]
    shares = [100.0 * share(count, samples) for count in report.scores.values()]
    colors = [BLUE if score >= least else GRAY for score in scores]
    ax.bar(scores, shares, width=0.07, color=colors, linewidth=0)
    ax.axvline(least - 0.05, color=ORANGE, linewidth=1.0, linestyle=MARK)
    ax.set_xlim(-0.38, 1.08)
    ax.set_xticks([-0.3, 0.0, least, 1.0])
    ax.grid(visible=False)
    ax.set_ylim(0.0, 100.0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    counts = (
        (f"score ≥ {least:g}", report.scored),
        ("conditions hold", report.held),
        ("qualify", report.qualified),
    )
    text = "\n".join(f"{_percent(count, samples)} {name}" for name, count in counts)
    ax.annotate(text, (1.0, 0.98), **_corner("right"))


def _percent(count: int, whole: int) -> str:
    percent = 100.0 * share(count, whole)
    if count and percent < 0.095:
        return "<0.1 %"
    return f"{percent:.1f} %" if 0.0 < percent < 9.95 else f"{percent:.0f} %"
