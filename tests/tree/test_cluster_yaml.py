"""ray_cluster.yaml against Ray's own schema and our own promises."""

import json
from pathlib import Path

import jsonschema
import ray
import yaml

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())


def test_the_cluster_file_is_what_ray_up_accepts() -> None:
    """Ray's own JSON schema."""
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(CLUSTER, schema)


def test_only_the_head_may_host_the_executor() -> None:
    """The API key allows its address alone."""
    heads, workers = " ".join(CLUSTER["head_start_ray_commands"]), " ".join(CLUSTER["worker_start_ray_commands"])
    assert '"exchange": 1' in heads
    assert "exchange" not in workers


def test_every_daemon_gets_the_token_and_the_servers_addresses() -> None:
    """By its environment; nothing secret is in the file."""
    for command in (*CLUSTER["head_start_ray_commands"], *CLUSTER["worker_start_ray_commands"]):
        assert ". ~/.vortex/cluster.env" in command
        assert "RAY_AUTH_MODE=token" in command
        assert "PASSWORD=" not in command


def test_the_file_names_the_pinned_ray() -> None:
    """Head, workers and workstation must run the same version."""
    text = (ROOT / "ray_cluster.yaml").read_text()
    assert f"Ray {ray.__version__}" in text
    assert f"ray=={ray.__version__} " in (ROOT / "requirements.txt").read_text()
