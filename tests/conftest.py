"""Shared rules of every test: profiles for Hypothesis, and where recorded data may be found."""

import os
import tempfile
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, settings

AT_ANY_PACE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", AT_ANY_PACE, max_examples=50)
settings.register_profile("ci", AT_ANY_PACE, max_examples=150, derandomize=True, print_blob=True)
settings.register_profile("night", AT_ANY_PACE, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "desk"))

ROOT = Path(__file__).resolve().parent.parent
MEANT_FOR_TESTS = ("VORTEX_SHARED_DATA", "VORTEX_CLIENTS_VENVS", "VORTEX_WRITE_DOCS")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Nobody's terminal, proxy, Ray or own settings reach a test, nor the processes that it starts.

    Before collection, because consoles and directories are chosen when modules are imported.
    """
    operators = [name for name in os.environ if name.startswith(("VORTEX_", "RAY_")) and name not in MEANT_FOR_TESTS]
    for name in (*operators, "FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR", "LINES"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "80"
    direct = [os.environ.get("no_proxy", ""), os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, direct))
    ours = Path(platformdirs.user_config_dir("vortex7", appauthor=False))
    if ours.exists():
        os.environ["XDG_CONFIG_HOME"] = _configuration_without(ours, session.config)


def _configuration_without(ours: Path, config: pytest.Config) -> str:
    """A directory that leads to the configuration of every program (pip's mirrors, say) but this one."""
    place = tempfile.TemporaryDirectory(prefix="v7-config-")
    config.add_cleanup(place.cleanup)
    for other in ours.parent.iterdir():
        if other != ours:
            (Path(place.name) / other.name).symlink_to(other)
    return place.name


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of recorded market data, or a skip that says where it was looked for."""
    candidates = [Path(os.environ["VORTEX_SHARED_DATA"])] if "VORTEX_SHARED_DATA" in os.environ else []
    candidates.append(ROOT.parent / "shared" / "data")
    for path in candidates:
        if path.is_dir():
            return path
    pytest.skip(f"no recorded market data at {', '.join(map(str, candidates))}")
