"""Rules of the house that a linter cannot state."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.style

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vortex", "actors", "supervisors", "cli")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def tracked_files() -> list[Path]:
    """What git tracks, or every file when this is an unpacked archive."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        made = re.compile(r"/(\.venv|__pycache__|\.hypothesis|\.[a-z]+_cache)/")
        return [p for p in ROOT.rglob("*") if p.is_file() and not made.search(f"/{p.relative_to(ROOT)}")]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_alembic_is_a_folder_and_not_a_package() -> None:
    """With an __init__.py it would hide the real `alembic` from every import."""
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_every_module_says_what_it_is_for() -> None:
    """The first thing in a file is one sentence about its purpose."""
    silent = [str(p.relative_to(ROOT)) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_no_file_outgrows_one_idea() -> None:
    """Past 450 lines a file is two ideas."""
    long = {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 450}
    assert long == {}


def test_no_module_is_imported_by_nobody() -> None:
    """A module that nobody imports, runs or names is dead."""
    sources = {p: p.read_text() for p in MODULES}
    everything = "\n".join(sources.values()) + (ROOT / "pyproject.toml").read_text()
    everything += "\n".join(p.read_text() for p in (ROOT / "alembic").rglob("*.py"))
    dead = []
    for path in MODULES:
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        parent, _, leaf = name.rpartition(".")
        used = re.search(rf"\b{re.escape(name)}\b", everything) or re.search(
            rf"from {re.escape(parent)} import [^\n]*\b{leaf}\b", everything
        )
        if not used and "__main__" not in sources[path]:
            dead.append(name)
    assert dead == []


def test_ray_calls_are_made_in_few_places() -> None:
    """A remote call outside the clients and the supervisors would be a second way to do it."""
    callers = {str(p.relative_to(ROOT)) for p in MODULES if ".remote(" in p.read_text()}
    allowed = {c for c in callers if c == "actors/clients.py" or c.startswith("supervisors/")}
    assert callers - allowed == set()


def test_every_queue_has_a_limit() -> None:
    """An unbounded queue is a memory leak that waits for a bad day."""
    unbounded = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if owner == "asyncio" and node.func.attr == "Queue" and not (node.args or node.keywords):
                unbounded.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert unbounded == []


def test_no_unfinished_work_is_left_without_a_number() -> None:
    """A note to self belongs in the tracker."""
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [str(p.relative_to(ROOT)) for p in MODULES if words.search(p.read_text())]
    assert found == []


def test_requirements_are_pinned_with_hashes_and_name_no_index() -> None:
    """Any index may serve them; only the bytes are fixed."""
    text = (ROOT / "requirements.txt").read_text()
    pins = re.findall(r"^[a-z0-9][\w.\-\[\]]*==\S+", text, re.MULTILINE)
    assert len(pins) > 50
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


def test_tracked_files_name_no_place_on_this_machine() -> None:
    """Paths of one machine and addresses of package indexes do not travel."""
    hosts = re.compile(r"[p]ypi\.org|[p]ythonhosted|[r]egistry\.npmjs|(?<!emit-)[i]ndex-url|/[r]oot/|/home/\w+/")
    found = []
    for path in tracked_files():
        if path.suffix in {".png", ".gz", ".parquet"} or not path.exists():
            continue
        if hosts.search(path.read_text(errors="ignore")):
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_assertions_are_on() -> None:
    """Invariants are asserted in production too, so the house never runs with -O."""
    assert __debug__
