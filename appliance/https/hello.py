"""The first message of TLS, as far as it says who is wanted (RFC 8446, RFC 6066, RFC 7301)."""

import re
from dataclasses import dataclass
from typing import Final

from appliance.settings_groups import HOST

# More than any client sends; a hello of post-quantum keys and a long ticket has some 4 kB.
MOST_BYTES: Final = 16_384
_RECORD, _HELLO = 22, 1
_NAME, _PROTOCOLS = 0, 16
_HOST: Final = re.compile(HOST, re.ASCII)


class NotTls(ValueError):
    """What was sent is no hello of TLS."""


@dataclass(frozen=True)
class Hello:
    """Which host is wanted, in lower case (empty where none is said), and in which protocols."""

    name: str
    protocols: tuple[bytes, ...] = ()


class _Cut(Exception):
    """The bytes end before what they announce."""


class _Reader:
    """Reads numbers and counted bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._raw)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._raw):
            raise _Cut
        taken = self._raw[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def counted(self, size: int) -> bytes:
        return self.take(self.number(size))


def read(raw: bytes) -> Hello | None:
    """Read a hello; None while it is not whole. Raises NotTls."""
    if len(raw) > MOST_BYTES:
        raise NotTls("longer than any hello")
    try:
        message = _message(_Reader(raw))
    except _Cut:
        return None
    try:
        return _hello(_Reader(message))
    except _Cut as error:
        raise NotTls("a hello that ends too soon") from error


def _message(records: _Reader) -> bytes:
    """Put the first handshake message together, from as many records as it takes."""
    whole = b""
    while len(whole) < 4 or len(whole) < 4 + int.from_bytes(whole[1:4]):
        if records.number(1) != _RECORD or records.number(1) != 3:
            raise NotTls("no handshake")
        records.take(1)
        part = records.counted(2)
        if not part:
            raise NotTls("an empty record")
        whole += part
        if whole[0] != _HELLO:
            raise NotTls("no hello")
    return whole[4 : 4 + int.from_bytes(whole[1:4])]


def _hello(message: _Reader) -> Hello:
    message.take(2 + 32)
    message.counted(1)
    message.counted(2)
    message.counted(1)
    name = ""
    protocols: tuple[bytes, ...] = ()
    extensions = _Reader(b"" if message.is_over else message.counted(2))
    while not extensions.is_over:
        kind, body = extensions.number(2), _Reader(extensions.counted(2))
        if kind == _NAME:
            name = _name(_Reader(body.counted(2)))
        elif kind == _PROTOCOLS:
            protocols = _listed(_Reader(body.counted(2)))
    return Hello(name, protocols)


def _name(names: _Reader) -> str:
    """Give the host name; what is none is as good as nothing."""
    while not names.is_over:
        kind, raw = names.number(1), names.counted(2)
        text = raw.decode("ascii", "replace").lower().rstrip(".")
        if kind == 0 and len(text) <= 253 and _HOST.fullmatch(text):
            return text
    return ""


def _listed(protocols: _Reader) -> tuple[bytes, ...]:
    found = []
    while not protocols.is_over:
        found.append(protocols.counted(1))
    return tuple(found)
