"""How pictures of this house look: a quiet style, SVG that repeats to the byte, readable in light and dark."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vortex.kernel.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = (
    "pictures are drawn by matplotlib, which is not installed: pip install 'vortex7[plots]', or leave out --out "
    "for tables alone"
)
PAPER, INK, SOFT, GRID = "#ffffff", "#1f2328", "#59636e", "#e4e7eb"
BLUE, ORANGE, GREEN, PURPLE, GRAY, PALE = "#0969da", "#bc4c00", "#1a7f37", "#8250df", "#b7bec6", "#eceff2"
SERIES = (BLUE, ORANGE, GREEN, PURPLE)
IN_THE_DARK = {
    PAPER: "#0d1117",
    INK: "#e6edf3",
    SOFT: "#9198a1",
    GRID: "#2a313c",
    BLUE: "#4493f8",
    ORANGE: "#f0883e",
    GREEN: "#3fb950",
    PURPLE: "#ab7df8",
    GRAY: "#59636e",
    PALE: "#1c222b",
}
"""What each color becomes where the reader prefers dark; the paper is drawn, so no page shines through."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vortex7",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.6,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 8.5,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": True,
    "legend.fancybox": False,
    "legend.framealpha": 1.0,
    "legend.facecolor": PAPER,
    "legend.edgecolor": PAPER,
    "legend.fontsize": 8.0,
    "legend.labelcolor": INK,
    "legend.handlelength": 1.4,
    "hatch.linewidth": 0.5,
}


def need_matplotlib() -> None:
    """Raises ConfigError that says what to install, before any time is spent."""
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        raise ConfigError(MISSING) from None


def grid_of(
    rows: int, columns: int, width: float, height: float, *, same_x: bool = False
) -> "tuple[Figure, list[Axes]]":
    """A figure of `rows` × `columns` panels, sizes in inches, panels row by row."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    mpl.rcdefaults()
    mpl.rcParams.update(_STYLE)
    layout = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.07, wspace=0.03, hspace=0.03)
    figure = Figure(figsize=(width, height), layout=layout)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=same_x)
    return figure, list(panels.flat)


def save(figure: "Figure", path: Path, about: str) -> None:
    """Write the picture; the bytes depend on what is drawn and the version of matplotlib alone."""
    buffer = io.StringIO()
    metadata: dict[str, Any] = {**dict.fromkeys(("Date", "Creator", "Format", "Type")), "Title": about}
    figure.savefig(buffer, format="svg", metadata=metadata)
    path.write_text(_themed(buffer.getvalue()), encoding="utf-8")


def _themed(svg: str) -> str:
    """The picture with a sheet of dark colors behind each light one."""
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{dark}!important}}'
        for light, dark in IN_THE_DARK.items()
        for name in ("fill", "stroke")
    )
    sheet = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    svg = svg.replace("'DejaVu Sans', sans-serif", "sans-serif").replace("'DejaVu Sans'", "sans-serif")
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r"(\.\d\d)\d+", r"\1", svg)  # a hundredth of a point is finer than any screen
    head, defs, rest = svg.partition(" <defs>")
    return "\n".join(line.rstrip() for line in f"{head} {sheet}\n{defs}{rest}".splitlines()) + "\n"
