"""The log: one JSON object a line, in UTC, with request and run id, and no secret in it."""

import json
import logging
import re
from collections.abc import Iterable
from typing import TextIO
from urllib.parse import quote

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

__all__ = ["bind_contextvars", "bound_contextvars", "clear_contextvars", "configure", "get"]

_HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(r"passw|secret|token|authori[sz]ation|cookie|api_?key|credential", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s/@:]*):[^\s/@]+@")
_QUIET = {"uvicorn.access": logging.WARNING, "sqlalchemy.engine": logging.WARNING, "asyncio": logging.WARNING}


def configure(*, level: str = "INFO", style: str = "json", secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send the log of the application and of its libraries to `stream` (standard error), with `secrets` blotted out.

    `style` is `json` for collectors or `console` for people.
    """
    shared = _facts()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(style, secrets, handler.stream)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, lowest in _QUIET.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> FilteringBoundLogger:
    """Return the log of a module: `log.get(__name__).info("run claimed", run_id=…)`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _facts() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(style: str, secrets: Iterable[str], stream: TextIO) -> list[Processor]:
    if style == "console":
        plain = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        render: list[Processor] = [plain]
    else:  # tracebacks without local variables, which may hold anything
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [ProcessorFormatter.remove_processors_meta, _hide_named, *render, _blot(secrets)]


def _hide_named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: _without_secrets(name, value) for name, value in event.items()}


def _without_secrets(name: object, value: object) -> object:
    if isinstance(name, str) and _SECRET_NAME.search(name):
        return _HIDDEN
    if isinstance(value, dict):
        return {key: _without_secrets(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields") and name != "exc_info":
        return [_without_secrets(None, item) for item in value]
    return value


def _blot(secrets: Iterable[str]) -> Processor:
    # Works on the finished line, so that no traceback and no message of a library gets past it.
    shapes = {shape for secret in secrets if secret for shape in _shapes(secret)}
    longest_first = sorted(map(re.escape, shapes), key=len, reverse=True)
    known = re.compile("|".join(longest_first) or r"(?!)")

    def blot(_logger: WrappedLogger, _method: str, line: object) -> str:
        return _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", known.sub(_HIDDEN, str(line)))

    return blot


def _shapes(secret: str) -> tuple[str, ...]:
    escaped = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    return secret, quote(secret, safe=""), *escaped
