"""`vortex replay`: recorded events through the core of live trading, with simulated fills."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from cli.failures import err, explained, out, print_json
from cli.options import Config, Json, Profile, load_settings
from vortex.kernel.clock import SystemClock

if TYPE_CHECKING:  # the kernels bring the compiler along; the other commands do without
    from cli.replay_run import Replayed
    from vortex.sim.replay_report import SymbolReport

ITEMS_SHOWN = 12
TRADES_SHOWN = 10


@explained
def replay(
    paths: Annotated[list[Path], typer.Argument(help="Recorded files or folders.", show_default=False)],
    *,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this one.", show_default=False)] = None,
    profile: Profile = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run recorded trades and books through engines, decision and risk; print trades, P&L and a hash of all decisions.

    What the files lack is derived and said to be. The same input gives the same hash.

    Example: vortex replay recordings/BTCUSDT --symbol BTCUSDT --json
    """
    from cli.replay_run import Run, replay_settings
    from vortex.sim.replay_desk import SAMPLE_MS

    loaded = load_settings(config, None, profile)
    run = Run(replay_settings(loaded.settings, SAMPLE_MS), SystemClock(), tell)
    run.recorded(paths, [symbol.upper()] if symbol else None)
    result = run.result()
    if json:
        numbers = msgspec.json.Encoder(decimal_format="number").encode(result)
        print_json({"profile": loaded.settings.profile, **msgspec.json.decode(numbers)})
        return
    for each in result.symbols.values():
        print_symbol(each, result.derived.get(each.symbol, []), result.rows_refused.get(each.symbol, {}))
    print_totals(result)


def tell(text: str) -> None:
    """Progress, on standard error."""
    err.print(f"[dim]{text}[/dim]", highlight=False, soft_wrap=True)


def print_symbol(report: "SymbolReport", derived: list[str], rows_refused: dict[str, int]) -> None:
    """Trades, figures and what stood in the way, for a person."""
    minutes = report.market_ms / 60_000
    out.print(
        f"\n[bold]{report.symbol}[/bold]  {minutes:,.1f} min, {report.events:,} events, "
        f"{report.market_trades:,} of them trades"
    )
    for text in derived:
        out.print(f"  [dim]derived[/dim] {text}", highlight=False)
    for what, counts in (("rows", rows_refused), ("messages", report.input_refused)):
        for reason, count in counts.items():
            out.print(f"  [dim]refused[/dim] {count:,} {what}: {reason}", highlight=False)
    _print_signals(report)
    _print_checklist(report)
    by = ", ".join(f"{name} {count:,}" for name, count in report.decisions_by.items()) or "none"
    out.print(f"decisions     {report.decisions:,}: {by}")
    if report.refused:
        out.print(f"refused       {', '.join(f'{code} {count:,}' for code, count in report.refused.items())}")
    out.print(
        f"entries       {report.entries:,} sent, {report.entries_unfilled:,} unfilled, "
        f"{report.entries_rejected:,} rejected as taking; {report.orders:,} orders in all"
    )
    _print_trades(report)


def _print_signals(report: "SymbolReport") -> None:
    table = Table("", "mean", "std", "p5", "p50", "p95", "long", "short", box=None, header_style="dim")
    for name, spread in {"score": report.score, **report.strength}.items():
        sides = report.direction.get(name, {})
        shares = [
            f"{sides.get(side, 0) / report.samples:.1%}" if sides and report.samples else ""
            for side in ("LONG", "SHORT")
        ]
        quantiles = [f"{spread.quantiles[key]:.3f}" if spread.count else "–" for key in ("p5", "p50", "p95")]
        table.add_row(name, f"{spread.mean:.3f}", f"{spread.std:.3f}", *quantiles, *shares)
    out.print(table)


def _print_checklist(report: "SymbolReport") -> None:
    """The items that failed most often, in a share of all samples."""
    table = Table("not held", "share of samples", box=None, header_style="dim")
    for item, count in list(report.sample_failed.items())[:ITEMS_SHOWN]:
        table.add_row(item, f"{count / report.samples:.1%}")
    if report.samples:
        out.print(table)


def _print_trades(report: "SymbolReport") -> None:
    figures = report.figures
    if not figures.trades:
        out.print("trades        none")
        return
    table = Table("trade", "side", "why", "lots", "entry", "exit", "net", "ended by", box=None, header_style="dim")
    for trade in report.recent_trades[-TRADES_SHOWN:]:
        table.add_row(
            str(trade.trade_no),
            trade.side.value,
            trade.strategy,
            str(trade.lots),
            f"{trade.entry_px:.6g}",
            f"{trade.exit_px:.6g}",
            f"{trade.net:+.2f}",
            trade.reason.value,
        )
    out.print(table)
    factor = "–" if figures.profit_factor is None else f"{figures.profit_factor:.2f}"
    exits = ", ".join(f"{name} {count}" for name, count in figures.exits.items())
    out.print(
        f"trades        {figures.trades:,}, {figures.win_rate:.1%} won, {exits}\n"
        f"result        {figures.net:+.2f} = {figures.gross:+.2f} − fees {figures.fees:.2f}; "
        f"profit factor {factor}, per trade {figures.expectancy:+.3f}, drawdown {figures.drawdown_max:.2f}, "
        f"held {figures.average_hold_s:.0f} s"
    )


def print_totals(result: "Replayed") -> None:
    """Speed, memory and the hash."""
    out.print(
        f"\n{result.events:,} events in {result.seconds:.2f} s ({result.events_per_s:,.0f}/s), "
        f"reading {result.read_seconds:.2f} s, peak {result.peak_rss_mb:.0f} MB"
    )
    out.print(f"{result.trades:,} trades, net {result.pnl_net:+.2f}; hash {result.hash}", soft_wrap=True)
