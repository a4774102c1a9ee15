"""Where logging is set up: structlog events to standard error, as JSON lines or for people.

Every command starts quiet; servers then call `set_up_logging` with what their options say. Messages of libraries that
use the standard `logging` module take the same way out, so that one stream has one format. Values whose name says that
they are secret are masked.
"""

import logging
import sys
from enum import StrEnum
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAMES = ("authorization", "password", "token")
_MASK = "***"


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up_logging(
    log_format: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.INFO, *, stream: TextIO | None = None
) -> None:
    """Send structlog and standard logging to `stream` (standard error by default); replaces an earlier set-up."""
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        mask_secrets,
    ]
    rendering = _rendering(log_format, out)
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # The debug lines of a library may hold request headers, and nobody asked for them.
    root.setLevel(max(threshold, logging.WARNING))


def set_up_quiet_logging() -> None:
    """For commands whose output is what people read: warnings and worse, on standard error."""
    set_up_logging(LogFormat.CONSOLE, LogLevel.WARNING)


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of names such as `hub_token`."""
    for name in event:
        if name.lower().endswith(_SECRET_NAMES):
            event[name] = _MASK
    return event


def _rendering(log_format: LogFormat, out: TextIO) -> list[Processor]:
    if log_format is LogFormat.CONSOLE:
        # Plain tracebacks: a richer one prints local variables, and those may hold credentials.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(timestamp_key="time", colors=out.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json_line)]


def _json_line(event: EventDict, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
