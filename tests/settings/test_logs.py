"""Logs: structured, bounded, and blind to secrets."""

import io
import json
import logging

import pytest
import structlog

from vortex import logs

SECRET = "k3y-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _put_back():
    """Every test leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def fail_with_a_key_at_hand() -> None:
    api_secret = SECRET
    raise ValueError(f"refused: {api_secret}")


def test_lines_are_json_with_bound_fields_where_no_terminal_is() -> None:
    """Facts as keys, the actor in every line."""
    out = io.StringIO()
    logs.configure(stream=out, actor="symbol:BTCUSDT", epoch=7, symbol=None)
    structlog.get_logger().info("order.denied", code="VETO", px=1.5)
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "actor": "symbol:BTCUSDT",
        "epoch": 7,
        "event": "order.denied",
        "code": "VETO",
        "px": 1.5,
        "level": "info",
    }


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_no_secret_and_no_local_variable_reaches_a_line(stream, tmp_path) -> None:
    """Whatever a traceback, a field or a foreign library carries, on the terminal, in JSON and in the file."""
    out = stream()
    logs.configure(stream=out, directory=tmp_path, secrets=[SECRET, ""])
    try:
        fail_with_a_key_at_hand()
    except ValueError:
        structlog.get_logger().exception("order.failed", url=f"https://x/?k={SECRET}", deep={"a": [SECRET]})
        logging.getLogger("foreign").warning("saw %s", SECRET, exc_info=True)
    for text in (out.getvalue(), (tmp_path / "vortex.log").read_text()):
        assert "order.failed" in text
        assert "saw" in text
        assert SECRET not in text
        assert "api_secret =" in text or "ValueError" in text
        assert '"locals"' not in text


def test_a_terminal_gets_people_lines_and_the_file_gets_json(tmp_path) -> None:
    """Both at once."""
    out = Terminal()
    logs.configure(stream=out, directory=tmp_path, name="executor")
    structlog.get_logger().warning("feed.gapped", missing=3)
    assert "feed.gapped" in out.getvalue()
    assert not out.getvalue().startswith("{")
    assert json.loads((tmp_path / "executor.log").read_text())["missing"] == 3


def test_files_turn_over_by_size_and_the_oldest_goes(tmp_path) -> None:
    """ULT-9: never more than `files` of them."""
    logs.configure(stream=io.StringIO(), directory=tmp_path, file_bytes=2_000, files=3)
    for number in range(200):
        structlog.get_logger().info("tick", number=number)
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == ["vortex.log", "vortex.log.1", "vortex.log.2"]
    assert all(path.stat().st_size <= 2_000 for path in written)


def test_levels_silence_what_is_below_them() -> None:
    """Ours by setting, other people's libraries below warning always."""
    out = io.StringIO()
    logs.configure("warning", stream=out)
    structlog.get_logger().info("quiet")
    logging.getLogger("asyncio").info("quiet too")
    structlog.get_logger().error("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]
