"""What `vortex doctor` asks of the exchange with the key: let in, with which rights (P-7), on what kind of account."""

import asyncio
from decimal import Decimal

import msgspec

from cli.doctor_exchange import Talk
from cli.doctor_rows import Row, fail, ok, told, warn
from vortex import bootstrap
from vortex.adapters.binance import endpoints, rest_wire
from vortex.adapters.binance.account import AccountReader
from vortex.adapters.binance.user_stream import UserEvent, UserStream
from vortex.domain.outcomes import UserStreamDown, UserStreamUp
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import VortexError
from vortex.kernel.rng import Rng

USER_STREAM_S = 10.0
ALLOW = "venue.allow_unsafe_key = true accepts it as it is"
BEYOND = {
    "enable_internal_transfer": "internal transfer",
    "permits_universal_transfer": "universal transfer",
    "enable_margin": "margin loans",
    "enable_spot_and_margin_trading": "spot and margin trading",
    "enable_vanilla_options": "options",
}
"""Rights that no part of the house uses (P-7: reading and futures only)."""

_CONFIG = msgspec.json.Decoder(rest_wire.AccountConfig)
_SYMBOLS = msgspec.json.Decoder(list[rest_wire.SymbolConfig])
_POSITIONS = msgspec.json.Decoder(list[rest_wire.Position])
_ORDERS = msgspec.json.Decoder(list[rest_wire.Order])


async def examine_account(talk: Talk) -> bool:
    """The rows that need a key; whether it is let in."""
    if (await talk.look("key", key_row)).verdict == "FAIL":
        return False
    await talk.look("key rights", rights_row)
    await talk.look("account modes", modes_row)
    await talk.look("margin and leverage", margin_row)
    await talk.look("balance", balance_row)
    await talk.look("user stream", user_stream_row)
    return True


async def key_row(talk: Talk) -> Row:
    """The exchange takes the signature, and the account may trade."""
    config = await talk.rest.read(endpoints.ACCOUNT_CONFIG, {}, _CONFIG)
    if not config.can_trade:
        return fail("key", "let in, but the account may not trade", "open the futures account, or lift its restriction")
    return ok("key", "let in; the account may trade")


async def rights_row(talk: Talk) -> Row:
    """Reading and futures only, from named addresses only (P-7); refused on live, told elsewhere."""
    venue, name = talk.settings.venue, "key rights"
    judge = fail if venue.kind == "live" and not venue.allow_unsafe_key else warn
    try:
        rights = await AccountReader(talk.rest).key_rights()
    except VortexError as error:
        return judge(name, f"cannot be read ({told(error)})", f"look at them on the exchange's site; {ALLOW}")
    if rights is None:
        return ok(name, f"{venue.kind} does not tell them; no money is at stake")
    answers = {
        "futures": rights.enable_futures,
        "withdrawals": rights.enable_withdrawals,
        "bound to addresses": rights.ip_restrict,
    }
    seen = ", ".join(f"{what} {'yes' if granted else 'no'}" for what, granted in answers.items())
    if not rights.enable_futures:
        return fail(name, seen, "allow the key to trade futures, on the exchange's site")
    unsafe = ["take away its right to withdraw"] if rights.enable_withdrawals else []
    unsafe += [] if rights.ip_restrict else ["bind it to this machine's address"]
    if unsafe:
        accepted = venue.kind == "live" and venue.allow_unsafe_key
        seen += "; accepted by venue.allow_unsafe_key" if accepted else ""
        return judge(name, seen, f"{' and '.join(unsafe)}, on the exchange's site" + ("" if accepted else f"; {ALLOW}"))
    if more := [what for field, what in BEYOND.items() if getattr(rights, field)]:
        return warn(name, f"{seen}; also {', '.join(more)}", "take away what is not needed: reading and futures are")
    return ok(name, seen)


async def modes_row(talk: Talk) -> Row:
    """One-way and single-asset. The start switches both, which the exchange lets it do on an empty account only."""
    config = await talk.rest.read(endpoints.ACCOUNT_CONFIG, {}, _CONFIG)
    talk.hedged = config.dual_side_position
    position_mode = "hedge mode" if config.dual_side_position else "one-way"
    assets_mode = "multi-assets" if config.multi_assets_margin else "single-asset"
    seen = f"{position_mode}, {assets_mode}"
    if not (config.dual_side_position or config.multi_assets_margin):
        return ok("account modes", seen)
    positions = await held(talk)
    orders = await talk.rest.read(endpoints.OPEN_ORDERS, {}, _ORDERS)
    if positions or orders:
        seen += f", with {len(positions)} positions and {len(orders)} orders open"
        return fail("account modes", seen, "close and cancel them: the exchange lets only an empty account be switched")
    return warn("account modes", seen, "the start switches to one-way and single-asset")


async def held(talk: Talk) -> list[str]:
    """Symbols with a position."""
    rows = await talk.rest.read(endpoints.POSITIONS, {}, _POSITIONS)
    return [row.symbol for row in rows if row.position_amt]


async def margin_row(talk: Talk) -> Row:
    """Cross margin for every symbol; leverage is set anew before each entry (P-4)."""
    found = {row.symbol: row for row in await talk.rest.read(endpoints.SYMBOL_CONFIG, {}, _SYMBOLS)}
    ours = [found[name] for name in talk.settings.symbols if name in found]
    seen = ", ".join(f"{row.symbol} {row.margin_type.lower()} {row.leverage}×" for row in ours) or "none of our symbols"
    isolated = [row.symbol for row in ours if row.margin_type != "CROSSED"]
    if not isolated:
        return ok("margin and leverage", seen)
    if stuck := sorted({*isolated} & {*await held(talk)}):
        return fail("margin and leverage", seen, f"close {', '.join(stuck)}: the margin type cannot change under it")
    return warn("margin and leverage", seen, "the start switches to cross margin; cancel orders of these symbols first")


async def balance_row(talk: Talk) -> Row:
    """Something to trade with."""
    account = await AccountReader(talk.rest).balance()
    least = max((talk.listed[name].min_notional for name in talk.settings.symbols if name in talk.listed), default=1)
    seen = f"{account.margin_balance:,.2f} USDT, {account.available:,.2f} available"
    if account.available < Decimal(least):
        return warn("balance", seen, f"the smallest order is {least} USDT: move money to the futures wallet")
    return ok("balance", seen)


async def user_stream_row(talk: Talk) -> Row:
    """A listen key, and the account's own socket. The key belongs to every program of the account: it stays."""
    clock, heard, opened = SystemClock(), asyncio.Event(), asyncio.Event()
    reasons: list[str] = []

    def on_event(event: UserEvent) -> None:
        if isinstance(event, UserStreamUp):
            opened.set()
            heard.set()
        elif isinstance(event, UserStreamDown):
            reasons.append(event.reason)
            heard.set()

    addresses = bootstrap.urls(talk.settings)
    stream = UserStream(addresses, talk.rest, lambda: talk.listed, Rng(0, "doctor/user"), on_event)
    began_ns = clock.mono()
    running = asyncio.create_task(stream.run())
    try:
        await asyncio.wait_for(heard.wait(), USER_STREAM_S)
    except TimeoutError:
        reasons.append(f"nothing within {USER_STREAM_S:.0f} s")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    took_ms = (clock.mono() - began_ns) / MS
    if not opened.is_set():
        mend = "check venue.ws_url and the network; without it fills are learned by asking only"
        return fail("user stream", f"{addresses.user_streams} cannot be opened ({reasons[-1]})", mend)
    return ok("user stream", f"listen key and socket after {took_ms:.0f} ms", took_ms)
