"""What the doctor says of an exchange on loopback: lines, clock, symbols, keys, modes, and one order that is gone."""

import asyncio
import contextlib
import json
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from cli import doctor
from cli import doctor_exchange as lines
from cli import doctor_order as order
from cli.doctor_exchange import Talk
from cli.doctor_rows import Report, Row
from cli.keys import with_keys
from tests.e2e.system import Exchange, eventually
from vortex import bootstrap
from vortex.adapters.binance import instruments
from vortex.adapters.binance.endpoints import (
    CANCEL_ALL_ORDERS,
    PLACE_ORDER,
    SET_MULTI_ASSETS,
    SET_POSITION_MODE,
    Call,
)
from vortex.adapters.binance.market_reader import MarketReader
from vortex.adapters.binance.venue import order_params
from vortex.kernel.clock import SystemClock
from vortex.settings import Loaded, load

pytestmark = [pytest.mark.venue, pytest.mark.timeout(300), pytest.mark.xdist_group("doctor")]

RIGHTS = {
    "safe": 'rights = ["read", "trade"]\nip = ["127.0.0.1"]',
    "modes": 'rights = ["read", "trade"]\nip = ["127.0.0.1"]',
    "poor": 'rights = ["read", "trade"]\nip = ["127.0.0.1"]\nbalance = 1',
    "withdrawer": 'rights = ["read", "trade", "withdraw"]\nip = ["127.0.0.1"]',
    "unbound": 'rights = ["read", "trade"]',
    "reader": 'rights = ["read"]\nip = ["127.0.0.1"]',
    "stranger": 'rights = ["read", "trade"]\nip = ["192.0.2.1"]',
}

SHARED_BUDGET = 1_000_000
"""All tests of this file ask from one address within one minute."""


def key_of(name: str) -> str:
    """Its key."""
    return f"{name}key".ljust(40, "0")


def secret_of(name: str) -> str:
    """What it signs with."""
    return f"{name}-secret-that-nobody-may-read"


@pytest.fixture(autouse=True)
def _any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is slow or busy is rightly warned of; what is claimed here holds on every machine."""
    for bound in ("LATENCY_WARN_MS", "ERROR_WARN_MS", "LAG_WARN_MS"):
        monkeypatch.setattr(lines, bound, float("inf"))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A simulated exchange that lets in keys of many kinds, each with an account of its own."""
    entries = [
        f'[[keys]]\nname = "{name}"\nkey = "{key_of(name)}"\nsecret = "{secret_of(name)}"\naccount = "{name}"\n{rest}\n'
        for name, rest in RIGHTS.items()
    ]
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    file.write_text("\n".join(entries))
    running = Exchange("--keys", str(file), "--no-limits")
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port nobody listens on, held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def loaded(exchange: Exchange, kind: str = "testnet", name: str = "safe", **given: object) -> Loaded:
    """Settings that name this exchange, with one of its keys."""
    surroundings = {
        "VORTEX_VENUE__REST_URL": exchange.rest,
        "VORTEX_VENUE__WS_URL": exchange.ws,
        "VORTEX_VENUE__API_KEY": key_of(name),
        "VORTEX_VENUE__API_SECRET": secret_of(name),
    }
    flags = {path.replace("__", "."): value for path, value in given.items()}
    ours = {"venue.kind": kind, "symbols": ["BTCUSDT"], "execution.weight_1m_limit": SHARED_BUDGET}
    return load(surroundings, flags={**ours, **flags})


def examined(chosen: Loaded) -> dict[str, Row]:
    """The rows about the exchange, none of which holds a secret."""
    report = Report(with_keys(chosen))
    asyncio.run(doctor.examine_exchange(doctor.Place(settings=chosen.settings), with_keys(chosen), report))
    rows = {row.name: row for row in report.rows}
    told = json.dumps([row.document() for row in report.rows])
    assert [word for word in with_keys(chosen).environment().values() if word in told] == []
    assert [name for name, row in rows.items() if (row.verdict == "OK") == bool(row.mend)] == []
    return rows


def verdicts(rows: dict[str, Row]) -> dict[str, str]:
    """Those that are not well."""
    return {name: row.verdict for name, row in rows.items() if row.verdict != "OK"}


def asked(exchange: Exchange, method: str, path: str, body: object) -> None:
    """A word to the simulator itself."""
    request = urllib.request.Request(exchange.rest + path, json.dumps(body).encode(), method=method)
    urllib.request.urlopen(request, timeout=30).close()


@contextlib.contextmanager
def faults(exchange: Exchange, *wanted: dict[str, Any]) -> Iterator[None]:
    """Something goes wrong meanwhile."""
    asked(exchange, "POST", "/sim/v1/faults", list(wanted))
    try:
        yield
    finally:
        asked(exchange, "DELETE", "/sim/v1/faults", {})


def orders_sent(exchange: Exchange, since: int) -> list[dict[str, Any]]:
    """Requests that place an order, as the exchange has recorded them."""
    return [
        entry
        for entry in exchange.entries("request", since)
        if entry["method"] == "POST" and entry["path"] == "/fapi/v1/order"
    ]


def test_a_healthy_exchange_with_a_safe_key_gets_good_rows_alone(exchange: Exchange) -> None:
    """Every row that the report promises, each with its value."""
    rows = examined(loaded(exchange))
    assert verdicts(rows) == {}
    assert list(rows) == list(doctor.EXCHANGE_ROWS)
    assert all(rows[name].ms is not None for name in ("exchange rest", "exchange clock", "market streams"))
    assert "verified gone" in rows["order round trip"].seen


def test_the_order_is_small_far_away_post_only_and_gone(exchange: Exchange) -> None:
    """One order was sent, nothing was filled, nothing rests; its id is none that a trade of ours could have."""
    since = exchange.sequence()
    examined(loaded(exchange))
    [sent] = orders_sent(exchange, since)
    mine = [entry for entry in exchange.entries("order", since) if entry["client_order_id"] == sent["client_order_id"]]
    assert sent["client_order_id"].startswith("vortex-doctor-")
    assert [entry["status"] for entry in mine] == ["NEW", "CANCELED"]
    assert exchange.working_orders() == set()


def test_no_order_leaves_where_money_is_real(exchange: Exchange) -> None:
    """And the row says so."""
    since = exchange.sequence()
    rows = examined(loaded(exchange, "live", profile="conservative"))
    assert verdicts(rows) == {}
    assert rows["order round trip"].seen == "never tried with real money"
    assert orders_sent(exchange, since) == []


@pytest.mark.parametrize(
    ("name", "mend"), [("withdrawer", "take away its right to withdraw"), ("unbound", "bind it to this machine's")]
)
def test_an_unsafe_key_is_refused_with_real_money_unless_it_is_accepted(
    exchange: Exchange, name: str, mend: str
) -> None:
    """P-7: a key that may withdraw, or that any address may use."""
    refused = examined(loaded(exchange, "live", name))["key rights"]
    accepted = examined(loaded(exchange, "live", name, venue__allow_unsafe_key=True))["key rights"]
    playing = examined(loaded(exchange, "sim", name))["key rights"]
    assert [row.verdict for row in (refused, accepted, playing)] == ["FAIL", "WARN", "WARN"]
    assert mend in refused.mend
    assert "venue.allow_unsafe_key" in refused.mend
    assert "accepted by venue.allow_unsafe_key" in accepted.seen


def test_a_key_that_may_not_trade_is_found_where_rights_are_told_and_where_they_are_not(exchange: Exchange) -> None:
    """By its rights, or by its order."""
    assert examined(loaded(exchange, "live", "reader"))["key rights"].verdict == "FAIL"
    testnet = examined(loaded(exchange, "testnet", "reader"))
    assert testnet["key rights"].verdict == "OK"
    assert testnet["order round trip"].verdict == "FAIL"
    assert "VORTEX_VENUE__API_KEY" in testnet["order round trip"].mend


@pytest.mark.parametrize("wrong", ["key", "secret", "address"])
def test_a_key_that_is_not_let_in_is_one_failure(exchange: Exchange, wrong: str) -> None:
    """Unknown, with another secret, or from an address that is not its own; what needs no key is looked at."""
    chosen = loaded(exchange, name="stranger" if wrong == "address" else "safe")
    other = {"key": {"api_key": key_of("nobodys")}, "secret": {"api_secret": "x" * 30}}.get(wrong, {})
    environment = {
        **chosen.secrets.environment(),
        **{f"VORTEX_VENUE__{name.upper()}": value for name, value in other.items()},
    }
    keys = type(chosen.secrets).from_environment(environment)
    report = Report(keys)
    asyncio.run(doctor.examine_exchange(doctor.Place(settings=chosen.settings), keys, report))
    rows = {row.name: row for row in report.rows}
    assert verdicts(rows) == {"key": "FAIL"}
    assert "VORTEX_VENUE__API_SECRET" in rows["key"].mend
    assert "market streams" in rows
    assert "key rights" not in rows


def test_without_a_key_the_rest_is_looked_at(exchange: Exchange) -> None:
    """The variable to set is named."""
    chosen = loaded(exchange)
    report = Report(chosen.secrets)
    bare = type(chosen.secrets)()
    asyncio.run(doctor.examine_exchange(doctor.Place(settings=chosen.settings), bare, report))
    rows = {row.name: row for row in report.rows}
    assert verdicts(rows) == {"key": "FAIL"}
    assert rows["key"].mend == "set VORTEX_VENUE__API_KEY"
    assert rows["symbols"].verdict == "OK"


@pytest.mark.parametrize(
    ("kind", "skew_ms", "verdict"),
    [("testnet", 10_000, "FAIL"), ("live", -10_000, "FAIL"), ("testnet", 1_500, "WARN"), ("sim", 10_000, "WARN")],
)
def test_a_clock_that_is_off_is_told_with_how_much(exchange: Exchange, kind: str, skew_ms: int, verdict: str) -> None:
    """The account is asked and the order tried all the same: requests are stamped with the exchange's time.

    What the simulator puts off is its clock and not the events of its market, so these look late.
    """
    with faults(exchange, {"kind": "clock_skew_ms", "value": skew_ms}):
        rows = examined(loaded(exchange, kind, profile="conservative"))
    assert set(verdicts(rows)) <= {"exchange clock", "market streams"}
    assert rows["exchange clock"].verdict == verdict
    assert rows["exchange clock"].ms == pytest.approx(-skew_ms, abs=500)
    assert "timedatectl" in rows["exchange clock"].mend


def test_a_symbol_that_is_not_listed_is_named(exchange: Exchange) -> None:
    """The others are looked at all the same."""
    rows = examined(loaded(exchange, symbols=["NOSUCHUSDT", "BTCUSDT"]))
    assert verdicts(rows) == {"symbols": "FAIL"}
    assert "NOSUCHUSDT is not listed" in rows["symbols"].seen
    assert "take NOSUCHUSDT out of `symbols`" in rows["symbols"].mend


def test_a_symbol_that_is_halted_is_named(exchange: Exchange) -> None:
    """Listed, but not TRADING."""
    asked(exchange, "POST", "/sim/v1/market", {"symbol": "ETHUSDT", "status": "BREAK"})
    try:
        rows = examined(loaded(exchange, symbols=["BTCUSDT", "ETHUSDT"]))
    finally:
        asked(exchange, "POST", "/sim/v1/market", {"symbol": "ETHUSDT", "status": "TRADING"})
    assert rows["symbols"].verdict == "FAIL"
    assert "ETHUSDT listed but not TRADING" in rows["symbols"].seen


def test_sockets_that_cannot_be_opened_are_told_apart_from_the_rest(exchange: Exchange, nobody: int) -> None:
    """Both the market's and the account's; REST is well."""
    rows = examined(loaded(exchange, venue__ws_url=f"ws://127.0.0.1:{nobody}"))
    assert verdicts(rows) == {"market streams": "FAIL", "user stream": "FAIL"}
    assert "venue.ws_url" in rows["market streams"].mend


def test_an_exchange_that_does_not_answer_is_one_failure(exchange: Exchange, nobody: int) -> None:
    """It says where it was looked for."""
    rows = examined(loaded(exchange, venue__rest_url=f"http://127.0.0.1:{nobody}"))
    assert verdicts(rows) == {"exchange rest": "FAIL"}
    assert str(nobody) in rows["exchange rest"].seen
    assert set(rows) == {"exchange rest"}


def test_modes_are_switched_by_the_start_only_while_the_account_is_empty(exchange: Exchange) -> None:
    """Hedge mode on an empty account is a warning; with an order open the exchange would refuse the switch."""
    chosen = loaded(exchange, name="modes")

    async def did(*acts: tuple[Call, dict[str, str | int]]) -> None:
        rest = bootstrap.rest_client(chosen.settings, SystemClock(), keys=chosen.secrets)
        for call, params in acts:
            await rest.send(call, params)
        await rest.close()

    async def resting() -> dict[str, str | int]:
        rest = bootstrap.rest_client(chosen.settings, SystemClock(), keys=None)
        instrument = (await instruments.load(rest)).known["BTCUSDT"]
        mark = await MarketReader(rest).premium("BTCUSDT")
        await rest.close()
        spec = order.smallest(instrument, mark.mark_px, 1)
        return {**order_params(spec, instrument), "positionSide": "LONG"}

    asyncio.run(
        did((SET_POSITION_MODE, {"dualSidePosition": "true"}), (SET_MULTI_ASSETS, {"multiAssetsMargin": "true"}))
    )
    rows = examined(chosen)
    empty = rows["account modes"]
    assert rows["order round trip"].verdict == "SKIP"
    asyncio.run(did((PLACE_ORDER, asyncio.run(resting()))))
    try:
        used = examined(chosen)["account modes"]
    finally:
        asyncio.run(did((CANCEL_ALL_ORDERS, {"symbol": "BTCUSDT"}), (SET_POSITION_MODE, {"dualSidePosition": "false"})))
    assert (empty.verdict, used.verdict) == ("WARN", "FAIL")
    assert empty.seen == "hedge mode, multi-assets"
    assert "the start switches" in empty.mend
    assert "0 positions and 1 orders open" in used.seen


def test_an_account_with_too_little_to_trade_is_told(exchange: Exchange) -> None:
    """The smallest order is named."""
    rows = examined(loaded(exchange, name="poor"))
    assert rows["balance"].verdict == "WARN"
    assert rows["balance"].seen.startswith("1.00 USDT")
    assert "50 USDT" in rows["balance"].mend


LOST = {"kind": "lost_response", "path": "/fapi/v1/order", "count": 1}


def test_an_order_whose_answer_is_lost_is_asked_about_and_never_sent_again(exchange: Exchange) -> None:
    """It had arrived: it is found, canceled, and the line is told to be ill."""
    since = exchange.sequence()
    with faults(exchange, {**LOST, "method": "POST"}):
        row = examined(loaded(exchange))["order round trip"]
    assert row.verdict == "FAIL"
    assert "was canceled after all" in row.seen
    assert len(orders_sent(exchange, since)) == 1
    assert exchange.working_orders() == set()


def test_an_order_that_never_arrived_is_known_not_to_have(exchange: Exchange) -> None:
    """A 503 says nothing; several questions do."""
    since = exchange.sequence()
    text = "Unknown error, please check your request or try again later."
    unclear = {"kind": "error", "status": 503, "code": -1000, "body": text, "path": "/fapi/v1/order", "count": 1}
    with faults(exchange, {**unclear, "method": "POST"}):
        row = examined(loaded(exchange))["order round trip"]
    assert row.verdict == "FAIL"
    assert "it never arrived" in row.seen
    assert len(orders_sent(exchange, since)) == 1
    assert exchange.working_orders() == set()


def test_a_cancel_whose_answer_is_lost_is_settled_by_asking(exchange: Exchange) -> None:
    """The order is gone, and that is all that counts."""
    with faults(exchange, {**LOST, "method": "DELETE"}):
        row = examined(loaded(exchange))["order round trip"]
    assert row.verdict == "OK"
    assert "verified gone" in row.seen
    assert exchange.working_orders() == set()


def test_a_doctor_that_is_interrupted_takes_its_order_along(exchange: Exchange) -> None:
    """Given up between the order's arrival and its answer: it is canceled before the end."""
    chosen = loaded(exchange)
    since = exchange.sequence()

    async def interrupted() -> None:
        talk = Talk(chosen.settings, chosen.secrets, Report(chosen.secrets))
        talk.listed = (await instruments.load(talk.rest)).known
        trying = asyncio.create_task(order.order_row(talk))
        await asyncio.to_thread(eventually, exchange.working_orders, "the order rests")
        trying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await trying
        assert trying.cancelled()
        await talk.close()

    with faults(exchange, {**LOST, "method": "POST"}):
        asyncio.run(interrupted())
    assert len(orders_sent(exchange, since)) == 1
    assert exchange.working_orders() == set()


def test_a_budget_that_others_have_spent_is_told(exchange: Exchange) -> None:
    """Our own share counts, not the exchange's."""
    rows = examined(loaded(exchange, execution__weight_1m_limit=10))
    assert rows["exchange limits"].verdict == "FAIL"
    assert "of our 10 in this minute" in rows["exchange limits"].seen


def test_something_else_behind_the_address_is_no_exchange(exchange: Exchange) -> None:
    """It answers, but not to our questions."""
    rows = examined(loaded(exchange, venue__rest_url=f"{exchange.rest}/sim"))
    assert rows["exchange rest"].verdict == "FAIL"
    assert set(rows) == {"exchange rest"}
