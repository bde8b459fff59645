"""Structured logs: pretty on a terminal, JSON otherwise, and always JSON in files that turn over by size (ULT-9).

1. Local variables never reach a log: keys live in them.
2. A secret that slips into a line is masked by value, whoever wrote the line.
3. Third-party libraries log through the same pipe, warnings and above.
"""

import logging
import logging.handlers
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.types import Processor

MASK = "***"
SECRET_LENGTH_MIN = 6
"""Shorter strings would mask innocent words."""


class SecretMask:
    """Replaces known secrets in every text of a log event."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = sorted({text for text in secrets if len(text) >= SECRET_LENGTH_MIN}, key=len, reverse=True)

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._secrets:
            for key, value in event.items():
                event[key] = self._clean(value)
        return event

    def rendered(self, _logger: object, _method: str, line: Any) -> str:
        """A finished line, cleaned."""
        return str(self._clean(line))

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                for secret in self._secrets:
                    value = value.replace(secret, MASK)
                return value
            case Mapping():
                return {key: self._clean(inside) for key, inside in value.items()}
            case list() | tuple():
                return [self._clean(inside) for inside in value]
            case None | bool() | int() | float():
                return value
            case _ if any(secret in str(value) for secret in self._secrets):
                return self._clean(str(value))
            case _:
                return value


def configure(
    level: str = "info",
    *,
    directory: Path | None = None,
    name: str = "vortex",
    secrets: Sequence[str] = (),
    stream: TextIO | None = None,
    file_bytes: int = 100 * 1024 * 1024,
    files: int = 5,
    **bound: object,
) -> None:
    """Set up this process's logs, once, at its start. `bound` (actor, symbol, epoch …) stands in every line.

    With a `directory` the lines also go to `directory`/`name`.log. `secrets` are the values to mask.
    """
    out = stream if stream is not None else sys.stdout
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    mask = SecretMask(secrets)
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
    as_json: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(frames),
        mask,
        structlog.processors.JSONRenderer(default=str),
    ]
    as_text: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback),
        mask.rendered,  # last, because the renderer itself writes the traceback
    ]
    handlers: list[logging.Handler] = [logging.StreamHandler(out)]
    handlers[0].setFormatter(_formatter(shared, as_text if out.isatty() else as_json))
    if directory is not None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            directory / f"{name}.log", maxBytes=file_bytes, backupCount=files - 1, encoding="utf-8", delay=True
        )
        file.setFormatter(_formatter(shared, as_json))
        handlers.append(file)
    _install(handlers, level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**{key: value for key, value in bound.items() if value is not None})


def _formatter(shared: Sequence[Processor], rendering: Sequence[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=list(shared), processors=list(rendering))


def _install(handlers: Sequence[logging.Handler], level: str) -> None:
    """Replace the root logger's handlers; other people's libraries speak up from warnings on."""
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level.upper())
    for noisy in ("asyncio", "alembic", "sqlalchemy", "aiohttp", "websockets", "ray"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
