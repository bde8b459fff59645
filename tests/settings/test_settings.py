"""Settings: layers, origins, mistakes that explain themselves, and secrets that stay secret."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.execution.settings import ExecutionSettings
from vortex.kernel.errors import ConfigError
from vortex.settings import Secrets, Settings, load, locate, show
from vortex.settings.profiles import PROFILES
from vortex.settings.schema import LEAVES
from vortex.settings.show import MASK

SECRET = "k3y-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch) -> None:
    """No configuration file of this machine takes part."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return path


def test_without_layers_every_value_is_the_defaults() -> None:
    """And the sections of other parts keep their own defaults."""
    loaded = load({})
    assert loaded.settings == Settings()
    assert loaded.settings.execution == ExecutionSettings()
    assert loaded.origins == {}
    assert {line.origin for line in show(loaded)} == {"default"}


def test_a_later_layer_wins_value_by_value(tmp_path) -> None:
    """Profile, file, environment and flags each decide the values that nobody above them says."""
    file = toml(
        tmp_path,
        'profile = "conservative"\n[risk]\nleverage_min = 3\nleverage_max = 6\n[venue]\nseed = 1\nspeed = 2\n',
    )
    environment = {"VORTEX_VENUE__SEED": "2", "VORTEX_RISK__LEVERAGE_MAX": "7"}
    loaded = load(environment, config=file, flags={"venue.seed": 3, "venue.kind": None})
    settings = loaded.settings
    assert (settings.venue.seed, settings.venue.speed, settings.venue.kind) == (3, 2.0, "sim")
    assert (settings.risk.leverage_min, settings.risk.leverage_max) == (3, 7)
    assert settings.symbols == ("BTCUSDT",)
    assert loaded.origins["venue.seed"] == "--seed"
    assert loaded.origins["risk.leverage_max"] == "environment VORTEX_RISK__LEVERAGE_MAX"
    assert loaded.origins["risk.leverage_min"] == f"file {file}"
    assert loaded.origins["symbols"] == "profile conservative"
    assert loaded.config_file == file


def test_one_value_of_a_nested_section_leaves_its_neighbors_alone() -> None:
    """Also where the section's own fields have no defaults."""
    settings = load({"VORTEX_RISK__MOMENTUM__STOP_ATR": "0.9"}).settings
    assert settings.risk.momentum == msgspec.structs.replace(Settings().risk.momentum, stop_atr=0.9)


def test_lists_are_written_with_commas_in_the_environment() -> None:
    """Strings and numbers alike."""
    settings = load({"VORTEX_SYMBOLS": "SOLUSDT, BTCUSDT", "VORTEX_EXECUTION__QUERY_DELAYS_MS": "1,2"}).settings
    assert settings.symbols == ("SOLUSDT", "BTCUSDT")
    assert settings.execution.query_delays_ms == (1, 2)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VORTEX_SYMBOLZ": "X"}, r"unknown setting symbolz \(environment VORTEX_SYMBOLZ\); the nearest is symbols"),
        ({"VORTEX_VENUE__KIN": "sim"}, "nearest is venue.kind"),
        ({"VORTEX_MAX_POSITIONS": "2"}, "nearest is execution.max_positions"),
        ({"VORTEX_EXECUTION": "2"}, "execution .* is a section"),
        ({"VORTEX_PROFILE": "dril"}, "unknown profile 'dril' .*conservative, default, drill, prometheus"),
        ({"VORTEX_VENUE__KIND": "mars"}, r"venue.kind 'mars' \(environment VORTEX_VENUE__KIND\)"),
        ({"VORTEX_EXECUTION__MAX_POSITIONS": "two"}, "execution.max_positions 'two'.*valid integer"),
        ({"VORTEX_EXECUTION__MAX_POSITIONS": "0"}, "max_positions 0: at least one"),
        ({"VORTEX_RAY__OBJECT_STORE_MB": "1"}, r"ray.object_store_mb \(environment VORTEX_RAY__OBJECT_STORE_MB\)"),
        ({"VORTEX_VENUE__SPEED": "nan"}, "finite"),
        ({"VORTEX_SYMBOLS": "btcusdt"}, "'btcusdt' is not a symbol"),
        ({"VORTEX_SYMBOLS": "BTCUSDT,BTCUSDT"}, "twice"),
        ({"VORTEX_SYMBOLS": ""}, "at least one"),
        ({"VORTEX_CONFIG": "/nowhere/x.toml"}, "cannot be read: No such file"),
    ],
)
def test_every_mistake_names_the_key_and_where_it_was_made(environment, said) -> None:
    """The operator finds the line to mend in the message itself."""
    with pytest.raises(ConfigError, match=said):
        load(environment)


def test_a_broken_file_names_its_line(tmp_path) -> None:
    """Malformed TOML, unknown key, wrong type: all are mistakes of the operator."""
    with pytest.raises(ConfigError, match=r"not valid TOML.*line 2"):
        load({}, config=toml(tmp_path, "symbols = ['BTCUSDT']\nvenue = = 3\n"))
    with pytest.raises(
        ConfigError, match=r"unknown setting venue.kinds \(file .*some.toml\); the nearest is venue\.kind"
    ):
        load({}, config=toml(tmp_path, "[venue]\nkinds = 'sim'\n"))
    with pytest.raises(ConfigError, match=r"venue \(file .*\) is a section"):
        load({}, config=toml(tmp_path, "venue = 3\n"))
    (tmp_path / "latin.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load({}, config=tmp_path / "latin.toml")


def test_an_empty_section_says_nothing(tmp_path) -> None:
    """A heading may wait for its keys."""
    assert load({}, config=toml(tmp_path, "[risk]\n[risk.momentum]\n")).settings == Settings()
    with pytest.raises(ConfigError, match="unknown setting risks"):
        load({}, config=toml(tmp_path, "[risks]\n"))


def test_files_and_private_variables_are_not_settings() -> None:
    """Processes of ours may talk through the environment without being refused."""
    load({"VORTEX_SHARED_DATA": "/x", "VORTEX_INTERNAL_ANYTHING": "1", "PATH": "/bin"})


@pytest.mark.parametrize("venue", ["testnet", "live"])
def test_the_drill_is_refused_where_it_could_hurt(venue) -> None:
    """Its limits are for play money."""
    with pytest.raises(ConfigError, match=f"drill profile is refused on {venue}"):
        load({"VORTEX_PROFILE": "drill"}, flags={"venue.kind": venue})


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_loads_and_reaches_an_actor_unchanged(profile) -> None:
    """Through JSON and back."""
    settings = load({}, flags={"profile": profile}).settings
    assert settings.profile == profile
    assert Settings.from_json(settings.to_json()) == settings


def test_profiles_say_what_they_promise() -> None:
    """Go-live week 1, PRO-7, and a drill that trades at once."""
    week1 = load({"VORTEX_PROFILE": "conservative"}).settings
    assert (week1.symbols, week1.risk.leverage_max, week1.breakers.daily_trades) == (("BTCUSDT",), 5, 20)
    breakers = load({"VORTEX_PROFILE": "prometheus"}).settings.breakers
    assert (breakers.daily_loss_pct, breakers.daily_trades, breakers.loss_streak) == (10, 20, 5)
    assert (breakers.single_loss_pct, breakers.loss_streak_cooldown_ms) == (5, 3_600_000)
    drill = load({"VORTEX_PROFILE": "drill"}).settings
    assert drill.decision.score_min < Settings().decision.score_min
    assert drill.execution.max_positions > Settings().execution.max_positions


def test_a_threshold_below_the_kernels_gate_is_refused() -> None:
    """Else a lower decision.score_min would silently change nothing."""
    with pytest.raises(ConfigError, match=r"score_min \(0.4\) is below signals.cycle.gate \(0.55\)"):
        load({"VORTEX_DECISION__SCORE_MIN": "0.4"})
    lower = load({"VORTEX_DECISION__SCORE_MIN": "0.4", "VORTEX_SIGNALS__CYCLE__GATE": "0.4"}).settings
    assert lower.decision.score_min == lower.signals.cycle.gate == 0.4
    assert load({"VORTEX_DECISION__SCORE_MIN": "0.7"}).settings.decision.score_min == 0.7


@pytest.mark.parametrize(
    ("period", "stable", "accepted"),
    [
        (100, 500, True),
        (100, 1_500, True),
        (100, 0, True),
        (50, 500, True),
        (250, 500, True),
        (100, 450, False),
        (200, 500, False),
        (20, 500, False),
        (10, 500, False),
    ],
)
def test_a_score_that_could_never_be_stable_is_refused(period: int, stable: int, accepted: bool) -> None:
    """S1-2 looks back a whole number of cycles, and no further than scores are kept; a drill does not look."""
    said = {"VORTEX_SIGNALS__CYCLE__PERIOD_MS": str(period), "VORTEX_SIGNALS__CYCLE__STABLE_MS": str(stable)}
    if accepted:
        assert load(said).settings.signals.cycle.stable_ms == stable
        return
    with pytest.raises(ConfigError, match=rf"stable_ms \({stable}\) must be .* signals.cycle.period_ms \({period}\)"):
        load(said)
    assert load({**said, "VORTEX_DECISION__NEED_SETTLED": "false"})


def test_a_least_leverage_above_the_largest_is_refused() -> None:
    """It would silently win over every cap."""
    with pytest.raises(ConfigError, match=r"leverage_min \(9\) is above risk.leverage_max \(8\)"):
        load({"VORTEX_RISK__LEVERAGE_MIN": "9", "VORTEX_RISK__LEVERAGE_MAX": "8"})
    with pytest.raises(ConfigError, match=r"risk.leverage_min"):
        load({"VORTEX_RISK__LEVERAGE_MIN": "13", "VORTEX_RISK__LEVERAGE_MAX": "20"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("decision.agree_min", "5"),
        ("decision.score_min", "1.0"),
        ("decision.positions_max", "0"),
        ("decision.jump_max", "-0.1"),
        ("decision.strategy_min", "1.1"),
        ("decision.momentum.confirm_min", "5"),
        ("decision.reversion.confirm_min", "4"),
        ("decision.cascade.proximity", "1.0"),
        ("risk.bad_day_pct", "1.5"),
        ("risk.streak_losses", "0"),
        ("risk.kelly_trades", "0"),
    ],
)
def test_a_threshold_that_nothing_could_meet_is_refused(key: str, value: str) -> None:
    """Else a slip of the pen would silently end all trading, or halve every trade."""
    with pytest.raises(ConfigError, match=key):
        load({f"VORTEX_{key.replace('.', '__').upper()}": value})


def test_secrets_are_read_from_every_layer_and_shown_by_none(tmp_path) -> None:
    """Not in the settings, not in their JSON, not in the table, not in a repr, not in an error."""
    file = toml(tmp_path, f"[venue]\napi_secret = '{SECRET}'\n")
    loaded = load({"VORTEX_VENUE__API_KEY": SECRET, "VORTEX_POSTGRES_DSN": f"postgresql://a:{SECRET}@h/d"}, config=file)
    assert loaded.secrets.postgres == f"postgresql://a:{SECRET}@h/d"
    assert loaded.secrets.api_key.get_secret_value() == SECRET
    assert loaded.secrets.api_secret.get_secret_value() == SECRET
    table = {line.path: line for line in show(loaded)}
    assert table["venue.api_key"].value == MASK
    assert table["venue.api_secret"].origin == f"file {file}"
    assert table["redis_url"].value is None
    printed = [
        repr(loaded),
        str(loaded.secrets),
        loaded.settings.to_json(),
        json.dumps(msgspec.to_builtins(list(table.values()))),
    ]
    assert not any(SECRET in text for text in printed)
    with pytest.raises(ConfigError) as told:
        load({"VORTEX_VENUE__API_KEY": SECRET, "VORTEX_VENUE__SEED": "x"})
    assert SECRET not in str(told.value)
    with pytest.raises(ConfigError, match=r"venue\.api_key") as told:
        load({}, config=toml(tmp_path, "[venue]\napi_key = 123456789\n"))
    assert "123456789" not in str(told.value)


def test_secrets_travel_in_the_environment() -> None:
    """What the launcher hands down is what its children find."""
    secrets = load({"VORTEX_VENUE__API_KEY": SECRET, "VORTEX_REDIS_URL": "redis://x"}).secrets
    handed = secrets.environment()
    assert handed == {"VORTEX_VENUE__API_KEY": SECRET, "VORTEX_REDIS_URL": "redis://x"}
    assert Secrets.from_environment(handed) == secrets
    assert load({"VORTEX_VENUE__API_KEY": ""}).secrets == Secrets()


def test_a_file_at_its_usual_place_is_found(tmp_path) -> None:
    """In the home that was chosen, before the user's configuration directory."""
    home = tmp_path / "home"
    environment = {"VORTEX_HOME": str(home)}
    first, second = locate(environment)
    second.parent.mkdir(parents=True)
    second.write_text("[venue]\nseed = 2\n")
    assert load(environment).settings.venue.seed == 2
    home.mkdir()
    first.write_text("[venue]\nseed = 1\n")
    loaded = load(environment)
    assert (loaded.settings.venue.seed, loaded.config_file) == (1, first)
    assert load({}, flags={"home": str(home)}).settings.venue.seed == 1


def test_each_kind_of_venue_has_its_own_database() -> None:
    """The name says which exchange the journal is about."""
    assert {load({}, flags={"venue.kind": kind}).settings.database for kind in ("sim", "paper", "testnet", "live")} == {
        "vortex_sim",
        "vortex_paper",
        "vortex_testnet",
        "vortex_live",
    }


def test_settings_that_are_none_are_refused() -> None:
    """What reaches an actor is exactly what was loaded, or an error."""
    with pytest.raises(ConfigError):
        Settings.from_json('{"symbolz": []}')
    with pytest.raises(ConfigError):
        Settings.from_json("no")


@pytest.mark.property
@given(path=st.sampled_from(sorted(LEAVES)), letter=st.integers(0, 40))
def test_a_slip_of_the_pen_is_led_back_to_the_right_key(path, letter) -> None:
    """One letter doubled in any key is an error that names a key that exists."""
    place = letter % len(path)
    wrong = path[: place + 1] + path[place] + path[place + 1 :]
    if wrong in LEAVES or ".." in wrong:
        return
    with pytest.raises(ConfigError, match=r"unknown setting .*; the nearest is "):
        load({}, flags={wrong: 1})
