"""Draws the status document for people: one screen, the same whether live or printed once."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

STATE_STYLE = {
    "running": "green",
    "closed": "green",
    "recovering": "yellow",
    "starting": "yellow",
    "degraded": "yellow",
    "suspect": "yellow",
    "restarting": "yellow",
    "half_open": "yellow",
    "stopping": "yellow",
    "open": "red",
    "latched": "bold red",
    "halted": "bold red",
    "failed": "bold red",
    "stopped": "dim",
}
DEPTH = {"root": 0, "trading": 1, "symbols": 1, "faces": 1}

Doc = Mapping[str, Any]


def styled(state: object) -> Text:
    """A state in its color."""
    word = str(state)
    return Text(word, style=STATE_STYLE.get(word, ""))


def number(value: object, digits: int = 2, *, signed: bool = False) -> str:
    """A figure with thousands separators, or a dash where there is none."""
    if value is None or value == "":
        return "–"
    try:
        figure = float(str(value))
    except ValueError:
        return str(value)
    return f"{figure:{'+' if signed else ''},.{digits}f}"


def percent(share: object) -> str:
    """A fraction as percent."""
    return "–" if share is None else f"{float(str(share)) * 100:.1f} %"


def money(value: object) -> Text:
    """A gain in green, a loss in red."""
    text = number(value, signed=True)
    style = "" if text == "–" or float(str(value)) == 0 else "green" if float(str(value)) > 0 else "red"
    return Text(text, style=style)


def span(seconds: object) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return "–"
    whole = int(float(str(seconds)))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3_600}h{whole % 3_600 // 60:02d}m"


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A plain table of the house."""
    grid = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name in columns:
        grid.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return grid


def tree_panel(doc: Doc) -> Panel:
    """The supervision tree with its processes."""
    grid = table("process", "state", "pid", "epoch", "restarts", "beat ms", "up", right=("pid", "epoch", "restarts"))
    for row in doc.get("tree", []):
        name = str(row["name"])
        depth = DEPTH.get(name, 2 if row.get("parent") not in (None, "root", "") else 1)
        restarts = int(row.get("restarts") or 0)
        grid.add_row(
            "  " * depth + name,
            styled(row.get("state")),
            str(row.get("pid") or "–"),
            str(row.get("epoch") or "–"),
            Text(str(restarts), style="yellow" if restarts else ""),
            number(row.get("last_heartbeat_ms"), 0),
            span(row.get("uptime_s")),
        )
    return Panel(grid, title="supervision tree", border_style="blue")


def symbols_panel(doc: Doc) -> Panel:
    """Feed, signals and decision of each symbol."""
    grid = table(
        "symbol", "feed", "price", "spread %", "score", "E1", "E2", "E3", "E4", "regime", "decision", right=("price",)
    )
    for name, symbol in doc.get("symbols", {}).items():
        feed, signals, decision = symbol["feed"], symbol["signals"], symbol["decision"]
        failed = decision.get("failed") or []
        verdict = str(decision.get("action", "–"))
        if verdict == "NO_TRADE" and failed:
            verdict = f"no: {', '.join(map(str, failed[:2]))}" + (f" +{len(failed) - 2}" if len(failed) > 2 else "")
        grid.add_row(
            name,
            styled(feed.get("state", "–")),
            number(feed.get("price")),
            number(spread_pct(signals), 4),
            number(decision.get("score"), 3, signed=True),
            *(vote(signals.get(engine)) for engine in ("e1", "e2", "e3", "e4")),
            regime(signals.get("e5")),
            Text(verdict, overflow="ellipsis"),
        )
    return Panel(grid, title="symbols", border_style="blue")


def spread_pct(signals: Doc) -> float | None:
    """The spread as the regime filter sees it, in percent."""
    spread = signals.get("e5", {}).get("fields", {}).get("current_spread")
    return None if spread is None else float(spread)


def vote(signal: Doc | None) -> Text:
    """An engine's vote as an arrow and its strength."""
    if not signal:
        return Text("–", style="dim")
    if not signal.get("warm", True):
        return Text("warming", style="dim")
    arrow, style = {"LONG": ("▲", "green"), "SHORT": ("▼", "red")}.get(str(signal.get("direction")), ("·", "dim"))
    return Text(f"{arrow}{float(signal.get('strength', 0.0)):.2f}", style=style)


def regime(signal: Doc | None) -> str:
    """The regime filter's label."""
    if not signal:
        return "–"
    fields = signal.get("fields", {})
    return f"{fields.get('phase', signal.get('label', '–'))}/{fields.get('vol_phase', '–')}"


def positions_panel(doc: Doc) -> Panel:
    """Open positions and how they are protected."""
    grid = table(
        "symbol", "side", "quantity", "entry", "mark", "stop", "target", "P&L", "state", "age", right=("quantity",)
    )
    for row in doc.get("positions", []):
        grid.add_row(
            str(row.get("symbol")),
            str(row.get("side", "–")),
            number(row.get("quantity"), 4),
            number(row.get("entry_price")),
            number(row.get("mark_price")),
            number(row.get("stop_price")) if row.get("stop_price") else Text("NONE", style="bold red"),
            number(row.get("target_price")),
            money(row.get("unrealized_pnl")),
            str(row.get("state", "–")),
            span(row.get("age_s")),
        )
    if not doc.get("positions"):
        grid.add_row(Text("flat", style="dim"), *[""] * 9)
    return Panel(grid, title=f"positions · {len(doc.get('orders', []))} working orders", border_style="blue")


def account_panel(doc: Doc) -> Panel:
    """Money, breaker and reconciliation in a few lines."""
    account, breaker, recon = doc.get("account", {}), doc.get("breaker", {}), doc.get("reconciliation", {})
    protection, kpis = doc.get("protection", {}), doc.get("kpis", {})
    grid = Table.grid(padding=(0, 2))
    grid.add_row("equity", number(account.get("equity")), "today", money(account.get("pnl_today")))
    grid.add_row("margin", number(account.get("margin_used")), "fees", number(account.get("fees_today")))
    grid.add_row("trades", number(kpis.get("trades"), 0), "win rate", percent(kpis.get("win_rate")))
    grid.add_row("no fill", percent(kpis.get("no_fill_rate")), "maker", percent(kpis.get("maker_rate")))
    reasons = ", ".join(map(str, breaker.get("reasons") or [])) or "none"
    grid.add_row("breaker", styled(breaker.get("state")), "because", Text(reasons, overflow="ellipsis"))
    grid.add_row("differences", number(recon.get("differences"), 0), "unresolved", number(recon.get("unresolved"), 0))
    grid.add_row("unprotected", f"{number(protection.get('max_unprotected_ms'), 0)} ms at most", "", "")
    return Panel(grid, title="account", border_style="blue")


def services_line(doc: Doc) -> Text:
    """What runs beside the tree."""
    line = Text()
    for name, service in doc.get("services", {}).items():
        state = str(service.get("state", "running"))
        line.append(f" {name} ", style="reverse green" if state == "running" else "reverse red")
        line.append(f" pid {service['pid']} " if service.get("pid") else " ")
        if service.get("restarts"):
            line.append(f"restarts {service['restarts']} ", style="yellow")
    return line


def headline(doc: Doc) -> Text:
    """Name, version, venue and state in one line."""
    line = Text(f" VORTEX-7 {doc.get('version')} ", style="bold reverse")
    line.append(f"  venue {doc.get('venue')}  ")
    line.append_text(styled(doc.get("state")))
    return line


def screen(doc: Doc, steps: Sequence[str] = ()) -> RenderableType:
    """The whole live screen; `steps` are the launcher's last words, shown until there is something better."""
    events = doc.get("events") or steps
    layout = Layout()
    rows = len(doc.get("tree", [])) + 4
    layout.split_column(
        Layout(headline(doc), size=1),
        Layout(name="top", size=max(rows, 11)),
        Layout(symbols_panel(doc), size=len(doc.get("symbols", {})) + 4),
        Layout(positions_panel(doc), size=max(len(doc.get("positions", [])), 1) + 4),
        Layout(events_panel(events), minimum_size=4),
        Layout(services_line(doc), size=1),
    )
    layout["top"].split_row(Layout(tree_panel(doc), ratio=3), Layout(account_panel(doc), ratio=2))
    return layout


def events_panel(events: Sequence[str]) -> Panel:
    """The last things that happened, newest first."""
    lines = Text("\n".join(reversed(events)), overflow="ellipsis", no_wrap=True)
    return Panel(lines, title="events", border_style="blue")


def printed(doc: Doc) -> RenderableType:
    """The same, once, for a terminal that scrolls."""
    return Group(
        headline(doc),
        tree_panel(doc),
        symbols_panel(doc),
        positions_panel(doc),
        account_panel(doc),
        events_panel(doc.get("events", [])),
        services_line(doc),
    )


def log_line(doc: Doc) -> str:
    """The same in one line, where there is no terminal."""
    account, breaker = doc.get("account", {}), doc.get("breaker", {})
    symbols = " ".join(f"{name}={symbol['feed'].get('state', '–')}" for name, symbol in doc.get("symbols", {}).items())
    return (
        f"state={doc.get('state')} breaker={breaker.get('state')} {symbols} positions={len(doc.get('positions', []))} "
        f"orders={len(doc.get('orders', []))} equity={number(account.get('equity'))} "
        f"today={number(account.get('pnl_today'), signed=True)} trades={number(doc.get('kpis', {}).get('trades'), 0)}"
    )
