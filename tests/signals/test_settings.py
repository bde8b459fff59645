"""Settings: every profile survives its own validation, and what a kernel could not bear is refused."""

import re
from pathlib import Path

import msgspec
import pytest

import vortex
from vortex.risk.settings import CONSERVATIVE_RISK, DEFAULT_RISK, DRILL_RISK, PROMETHEUS_RISK, RiskSettings
from vortex.signals.layout import params_of
from vortex.signals.settings import (
    CONSERVATIVE_SIGNALS,
    DEFAULT_SIGNALS,
    DRILL_SIGNALS,
    PROMETHEUS_SIGNALS,
    SignalSettings,
)

SIGNALS = (DEFAULT_SIGNALS, CONSERVATIVE_SIGNALS, PROMETHEUS_SIGNALS, DRILL_SIGNALS)
RISKS = (DEFAULT_RISK, CONSERVATIVE_RISK, PROMETHEUS_RISK, DRILL_RISK)


@pytest.mark.parametrize("profile", [*SIGNALS, *RISKS])
def test_every_profile_is_valid(profile) -> None:
    """As if it had come from a file."""
    assert msgspec.convert(msgspec.to_builtins(profile), type(profile)) == profile


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("cycle", "period_ms", 0),
        ("cycle", "stable_ms", 5_000),
        ("flow", "velocity_readings", 16),
        ("flow", "enter_imbalance", 0.0),
        ("regime", "history_candles", 501),
        ("technical", "squeeze_percentile", 101.0),
    ],
)
def test_what_the_kernels_could_not_bear_is_refused(group: str, name: str, value: float) -> None:
    """Rings have a size, and a cycle has a length."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({group: {name: value}}, SignalSettings)


def test_risk_is_a_percentage() -> None:
    """Not a fraction above one, nor negative."""
    for value in (-0.1, 101.0):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"risk_high_pct": value}, RiskSettings)


def test_kernels_read_the_settings_by_name() -> None:
    """Every number, whatever its constraints."""
    params = params_of(DRILL_SIGNALS)[0]
    assert params["cycle"]["gate"] == DRILL_SIGNALS.cycle.gate
    assert params["flow"]["enter_imbalance"] == 0.02
    assert params["regime"]["history_min"] == 1
    for group in params.dtype.names:
        for name in params.dtype[group].names:
            assert params[group][name] == getattr(getattr(DRILL_SIGNALS, group), name)


def test_no_setting_is_without_effect() -> None:
    """Each name is read somewhere beside its own declaration."""
    root = Path(vortex.__file__).parent
    sources = [path for folder in ("signals", "strategy", "risk", "market") for path in (root / folder).glob("*.py")]
    text = "\n".join(path.read_text() for path in sources if not path.name.endswith("settings.py"))
    text += (root / "signals" / "settings.py").read_text().partition("def big_trade_of")[2].partition("class ")[0]
    groups = {field.name: field.type for field in msgspec.structs.fields(SignalSettings)}
    names = [(group, field.name) for group, kind in groups.items() for field in msgspec.structs.fields(kind)]
    unread = [f"{group}.{name}" for group, name in names if not re.search(rf"\b{name}\b", text)]
    assert unread == []
