"""Shared rules of every test: profiles for Hypothesis, and where recorded data may be found."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("desk", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=150, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("night", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "desk"))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of recorded market data, or a skip that says where it was looked for."""
    candidates = [Path(os.environ["VORTEX_SHARED_DATA"])] if "VORTEX_SHARED_DATA" in os.environ else []
    candidates.append(ROOT.parent / "shared" / "data")
    for path in candidates:
        if path.is_dir():
            return path
    pytest.skip(f"no recorded market data at {', '.join(map(str, candidates))}")
