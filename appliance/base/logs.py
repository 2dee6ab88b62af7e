"""Logging: to stderr as plain lines or as JSON, secrets redacted, recent lines kept for the panel.

What others say can reach the log (a handle, an error of theirs), so control characters are escaped:
a line of the log is one line, and a terminal shows it as it is.
"""

import logging
import re
import sys
from collections import deque
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson
from aiohttp.http_exceptions import HttpProcessingError

LINES_KEPT: Final = 1000
LONGEST_LINE: Final = 8192
HIDDEN: Final = "[redacted]"

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SECRETS: Final = (
    re.compile(r"(?i)\b((?:bearer|dpop|basic)\s+)[\w.~+/=-]{8,}"),
    re.compile(r"()\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)*"),
    re.compile(
        r"(?i)([\"']?\b\w*(?:password|passwd|secret|token|code_verifier|private_key|jwt|assertion)"
        r"\b[\"']?\s*[=:]\s*[\"']?)(?!None\b|null\b)[^\s\"',&}]{4,}"
    ),
    re.compile(r"(?i)(\w+://[^\s/:@]*:)[^\s/@]+(?=@)"),
    re.compile(r"()\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    re.compile(r"()\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b"),
)


def redact(text: str) -> str:
    """Blot out what looks like a token, a password, an app password or a mail address."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def plain(text: str) -> str:
    """Escape control characters; line ends inside a text stay, each followed by a margin."""
    escaped = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
    return escaped.replace("\n", "\n    ")[:LONGEST_LINE]


class PlainLines(logging.Formatter):
    """Time, level, logger, message; a traceback follows with a margin."""

    def format(self, record: logging.LogRecord) -> str:
        text = plain(redact(_message(self, record)))
        return f"{_time(record)} {record.levelname.lower():7} {record.name}: {text}"


class JsonLines(logging.Formatter):
    """One JSON object for each event."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(_message(self, record))[:LONGEST_LINE],
        }
        return orjson.dumps(event).decode()


class RecentLines(logging.Handler):
    """Keep the last lines in memory, as they were written, for the panel."""

    def __init__(self, formatter: logging.Formatter, kept: int = LINES_KEPT) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._lines: deque[str] = deque(maxlen=kept)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def lines(self, count: int = LINES_KEPT) -> list[str]:
        """Give the last lines, oldest first."""
        return list(self._lines)[-count:] if count > 0 else []


def setup_logging(
    *, as_json: bool = False, level: int = logging.INFO, stream: TextIO | None = None
) -> RecentLines:
    """Send all logging to a stream (stderr), and keep the last lines; return these."""
    formatter = JsonLines() if as_json else PlainLines()
    out = logging.StreamHandler(stream or sys.stderr)
    out.setFormatter(formatter)
    recent = RecentLines(formatter)
    root = logging.getLogger()
    root.handlers[:] = [out, recent]
    root.setLevel(level)
    # A line for each request says little and costs much.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_of_ours)
    return recent


def recent_lines(count: int = LINES_KEPT) -> list[str]:
    """Give the last lines of this process's log, oldest first; none where none are kept."""
    kept = [one for one in logging.getLogger().handlers if isinstance(one, RecentLines)]
    return kept[0].lines(count) if kept else []


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Leave out bytes that are no HTTP, and clients that left: anybody could fill the log."""
    theirs = (HttpProcessingError, ConnectionError)
    return not (record.exc_info and isinstance(record.exc_info[1], theirs))


def _message(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return text


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
