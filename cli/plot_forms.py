"""Draws the forms of strength, conviction and regime, one picture per engine."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.plots import PALE, SERIES, SOFT, grid_of, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vortex.signals.forms import Panel

NAMES = {"e1": "E1, order flow", "e2": "E2, tick", "e3": "E3, technical", "e4": "E4, sentiment", "e5": "E5, regime"}
COLUMNS = {"e1": 2, "e2": 3, "e3": 2, "e4": 2, "e5": 3}
WIDTH, ROW_HEIGHT = 9.4, 2.75


def draw_forms(engine: str, panels: "tuple[Panel, ...]", path: Path) -> None:
    """One small picture for each form of the engine."""
    columns = COLUMNS[engine]
    rows = -(-len(panels) // columns)
    figure, axes = grid_of(rows, columns, WIDTH, ROW_HEIGHT * rows)
    for ax, panel in zip(axes, panels, strict=False):
        _draw(ax, panel)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    save(figure, path, f"{NAMES[engine]}: forms of vortex/signals")


def _quiet(ax: "Axes", low: float, high: float, why: str, *, upright: bool) -> None:
    """A pale band; narrow ones at the end of the axis are lettered upright."""
    ax.axvspan(low, high, color=PALE, linewidth=0, zorder=0.4)
    ax.annotate(
        why,
        ((low + high) / 2.0, 0.03 if upright else 0.5),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom" if upright else "center",
        rotation=90 if upright else 0,
        color=SOFT,
        size=6.5,
    )


def _draw(ax: "Axes", panel: "Panel") -> None:
    ax.set_title(panel.title)
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    if panel.quiet is not None:
        _quiet(ax, *panel.quiet, upright=panel.quiet[0] > 0.0)
    for mark in panel.marks:
        ax.axvline(mark, color=SOFT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1.5)
    for curve, color in zip(panel.curves, SERIES, strict=False):
        ax.plot(curve.x, curve.y, color=color, label=curve.name, drawstyle="steps-mid" if curve.steps else "default")
    xs = [*panel.curves[0].x, *(panel.quiet or ())[:2]]
    ax.set_xlim(min(xs), max(xs))
    if panel.y_range is None:
        ax.margins(y=0.16)
    else:
        low, high = panel.y_range
        room = 0.06 * (high - low)
        ax.set_ylim(low if low == 0.0 else low - room, high + room)
    place = ("data", "axes fraction")
    for at, name in panel.zones:
        ax.annotate(name, (at, 0.985), xycoords=place, ha="center", va="top", color=SOFT, size=6.5)
    if len(panel.curves) > 1:
        ax.legend(loc="best", borderaxespad=0.4, labelspacing=0.3)
