"""What an operator can write wrongly: one clear message with the mend, exit 2, and nothing begun."""

from pathlib import Path

import pytest

from tests.cli.commands import said

START = ("start", "--detach")


def assert_refused(home: Path, result: object, *words: str, code: int = 2) -> None:
    """One line on standard error that has all the words, the right code, and no trace in the state directory."""
    message = getattr(result, "stderr", "").strip()
    assert getattr(result, "exit_code", None) == code, message
    assert [word for word in words if word not in message] == [], message
    assert message.startswith("vortex: ")
    assert message.count("\n") == 0
    assert "Traceback" not in message
    assert not home.exists()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("VORTEX_VENUE__SPED", "2", ("venue.sped", "VORTEX_VENUE__SPED", "the nearest is venue.speed")),
        ("VORTEX_SPEED", "2", ("unknown setting speed", "venue.speed")),
        ("VORTEX_VENUE__SPEED", "fast", ("venue.speed", "'fast'", "number")),
        ("VORTEX_VENUE__SPEED", "-1", ("venue.speed", "> 0")),
        ("VORTEX_VENUE__KIND", "binance", ("venue.kind", "'testnet' or 'live'")),
        ("VORTEX_SYMBOLS", "btc/usdt", ("'btc/usdt'", "such as BTCUSDT")),
        ("VORTEX_SYMBOLS", "", ("at least one",)),
        ("VORTEX_PROFILE", "dril", ("unknown profile 'dril'", "drill")),
        ("VORTEX_VENUE__REST_URL", "localhost", ("venue.rest_url", "http://127.0.0.1:8700")),
        ("VORTEX_VENUE__API_KEY", "only-half-of-it", ("VORTEX_VENUE__API_SECRET",)),
    ],
)
def test_a_wrong_variable_is_named_with_its_mend(
    tmp_path: Path, variable: str, value: str, words: tuple[str, ...]
) -> None:
    """Unknown, misspelt, of the wrong type or out of range."""
    home = tmp_path / "home"
    assert_refused(home, said(home, *START, **{variable: value}), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('symbols = ["BTCUSDT"\n', ("not valid TOML", "Unclosed array")),
        ("[venue]\nsede = 3\n", ("venue.sede", "the nearest is venue.seed")),
        ("[venu]\nseed = 3\n", ("venu.seed", "the nearest is venue.seed")),
        ("venue = 3\n", ("venue", "is a section")),
        ("[venue]\nseed = -3\n", ("venue.seed", ">= 0")),
        ("[breakers]\nlease_ms = 100\n", ("lease_ms 100", "at least twice")),
    ],
)
def test_a_wrong_file_is_named_with_its_mend(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    """The message names the file, or the setting and the file."""
    home, file = tmp_path / "home", tmp_path / "vortex.toml"
    file.write_text(text)
    assert_refused(home, said(home, *START, "--config", str(file)), *words)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Somebody named it, so it must exist."""
    home = tmp_path / "home"
    result = said(home, *START, "--config", str(tmp_path / "no.toml"))
    assert_refused(home, result, "no.toml", "No such file")


def test_a_market_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before any server is started for it."""
    home = tmp_path / "home"
    assert_refused(home, said(home, *START, "--data", str(tmp_path / "no.csv")), "venue.data", "no.csv")


@pytest.mark.parametrize("venue", ["testnet", "live"])
def test_the_drill_profile_is_refused_where_money_is_real(tmp_path: Path, venue: str) -> None:
    """Its limits are for play money only."""
    home = tmp_path / "home"
    result = said(home, *START, "--venue", venue, "--profile", "drill", "--yes")
    assert_refused(home, result, "drill profile is refused", venue)


def test_live_without_a_word_is_refused_where_nobody_can_be_asked(tmp_path: Path) -> None:
    """Exit 4: understood and not allowed."""
    home = tmp_path / "home"
    assert_refused(home, said(home, *START, "--venue", "live"), "confirm with --yes", code=4)


@pytest.mark.parametrize("venue", ["testnet", "live"])
def test_a_real_exchange_without_a_key_is_refused_before_anything_runs(tmp_path: Path, venue: str) -> None:
    """It names the variable to set."""
    home = tmp_path / "home"
    assert_refused(home, said(home, *START, "--venue", venue, "--yes"), "VORTEX_VENUE__API_KEY")


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """Not even when it stands in the wrong place."""
    home = tmp_path / "home"
    result = said(home, "config", "show", "--json", VORTEX_VENUE__API_SECRET="s3cr3t", VORTEX_VENUE__API_KEY="k3y")
    assert result.exit_code == 0
    assert "s3cr3t" not in result.output
    assert "k3y" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("status", "--json"), ("stop",), ("reconcile",), ("resume", "--reason", "x"), ("kill", "--yes")],
)
def test_commands_say_that_nothing_runs(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit 3, with the state directory that was looked at, which is not made for the question."""
    home = tmp_path / "home"
    assert_refused(home, said(home, *arguments), "no system runs in", str(home), code=3)


def test_contradicting_flags_are_refused(tmp_path: Path) -> None:
    """--flatten and --keep cannot both be meant."""
    home = tmp_path / "home"
    assert_refused(home, said(home, "stop", "--keep", "--flatten"), "exclude each other")


def test_resume_wants_a_reason(tmp_path: Path) -> None:
    """An audit without a reason is none."""
    home = tmp_path / "home"
    assert_refused(home, said(home, "resume", "--reason", " "), "--reason")


def test_an_unknown_kind_of_death_is_refused(tmp_path: Path) -> None:
    """Before a system is booted for it."""
    home = tmp_path / "home"
    assert_refused(home, said(home, "bench", "recovery", "--kinds", "actor"), "--kinds actor", "executor, symbol")
