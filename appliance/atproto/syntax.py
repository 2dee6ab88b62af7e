"""The identifier and string formats of the protocol: parse once, then trust the type.

Each class is a `str` that only parsing can make; `unchecked` skips the parsing, for text that
comes back from our own tables. https://atproto.com/specs/lexicon#string-formats
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, Final, Self, TypeAlias

from appliance.atproto.cid import Cid

# Any value that JSON can say; an object is a dict with text keys.
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_TOP_LABEL: Final = r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DID: Final = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_HANDLE: Final = re.compile(rf"(?:{_LABEL}\.)+{_TOP_LABEL}")
_NSID: Final = re.compile(rf"{_TOP_LABEL}(?:\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}")
_RECORD_KEY: Final = re.compile(r"[a-zA-Z0-9_~.:-]{1,512}")
_TID: Final = re.compile(r"[2-7a-j][2-7a-z]{12}")
_CID_TEXT: Final = re.compile(r"[a-zA-Z0-9+=]{8,256}")
_URI: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,80}:[^\s\x00-\x1f\x7f]+")
_DATETIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?"
    r"(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
# The calendar repeats after 400 years; `date` itself knows no year 0.
_DAYS_IN_400_YEARS: Final = 146_097
_YEAR_ZERO_US: Final = -62_167_219_200_000_000

_GRANDFATHERED: Final = re.compile(
    r"en-gb-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
    r"|sgn-(?:be-fr|be-nl|ch-de)|art-lojban|cel-gaulish|no-(?:bok|nyn)"
    r"|zh-(?:guoyu|hakka|min|min-nan|xiang)"
)
_LANGUAGE: Final = re.compile(
    r"""[a-z]{2,3} (?:-[A-Za-z]{3}){0,3} (?:-[A-Za-z]{4})? (?:-(?:[A-Za-z]{2}|[0-9]{3}))?
    (?P<variants>(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*)
    (?P<extensions>(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*)
    (?:-[xX](?:-[A-Za-z0-9]{1,8})+)?
    | [xX](?:-[A-Za-z0-9]{1,8})+""",
    re.VERBOSE,
)


class InvalidSyntax(ValueError):
    """A text does not have the form its name promises."""

    xrpc_name = "InvalidRequest"


class _Parsed(str):
    """A text that went through its own check."""

    __slots__ = ()
    form: ClassVar[str]

    def __new__(cls, text: str) -> Self:
        """Check the text; raise InvalidSyntax."""
        if type(text) is cls:
            return text
        if not isinstance(text, str):
            raise InvalidSyntax(f"expected {cls.form}, not {type(text).__name__}")
        if not cls._accepts(text):
            raise InvalidSyntax(f"expected {cls.form}, not {_shown(text)}")
        return super().__new__(cls, text)

    @classmethod
    def unchecked(cls, text: str) -> Self:
        """Take the text as it is: it was parsed before it was stored."""
        return str.__new__(cls, text)

    @classmethod
    def _accepts(cls, text: str) -> bool:
        raise TypeError(f"{cls.__name__} has no form of its own")


def _shown(text: str) -> str:
    """Quote a refused text for an error message, cut to a readable length."""
    return repr(text if len(text) <= 64 else text[:64] + "...")


class Did(_Parsed):
    """A decentralized identifier, `did:plc:...` or `did:web:...`.

    https://atproto.com/specs/did
    """

    __slots__ = ()
    form = "a DID"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return len(text) <= 2048 and _DID.fullmatch(text) is not None

    @property
    def method(self) -> str:
        """The DID method: `plc`, `web`, ..."""
        return self.split(":", 2)[1]


class Handle(_Parsed):
    """A domain name as the human name of an account; always in lower case.

    https://atproto.com/specs/handle
    """

    __slots__ = ()
    form = "a handle"

    def __new__(cls, text: str) -> Self:
        """Check the text and fold it to lower case; raise InvalidSyntax."""
        return cls.unchecked(super().__new__(cls, text).lower())

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return len(text) <= 253 and _HANDLE.fullmatch(text) is not None


class Nsid(_Parsed):
    """The name of a schema, `app.bsky.feed.post`.

    https://atproto.com/specs/nsid
    """

    __slots__ = ()
    form = "an NSID"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return len(text) <= 317 and _NSID.fullmatch(text) is not None

    @property
    def authority(self) -> str:
        """The domain that owns the name, in domain order: `feed.bsky.app`."""
        return ".".join(reversed(self.split(".")[:-1]))

    @property
    def name(self) -> str:
        """The last segment: `post`."""
        return self.rpartition(".")[2]


class RecordKey(_Parsed):
    """The name of a record within its collection.

    https://atproto.com/specs/record-key
    """

    __slots__ = ()
    form = "a record key"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return _RECORD_KEY.fullmatch(text) is not None and text not in (".", "..")


AtIdentifier: TypeAlias = Did | Handle


def parse_at_identifier(text: str) -> Did | Handle:
    """Parse what may be a DID or a handle; raise InvalidSyntax."""
    if isinstance(text, str) and text.startswith("did:"):
        return Did(text)
    return Handle(text)


class AtUri(_Parsed):
    """The address of a repo, a collection in it, or a record; without query or fragment.

    https://atproto.com/specs/at-uri-scheme
    """

    __slots__ = ()
    form = "an AT URI"

    @classmethod
    def make(cls, did: str, collection: str, rkey: str) -> Self:
        """Join the parts of a record's address; they are trusted to be parsed."""
        return str.__new__(cls, f"at://{did}/{collection}/{rkey}")

    @classmethod
    def _accepts(cls, text: str) -> bool:
        if len(text) > 8192 or not text.startswith("at://"):
            return False
        authority, *path = text[5:].split("/")
        known = Did if authority.startswith("did:") else Handle
        if not known._accepts(authority) or len(path) > 2:
            return False
        if path and not Nsid._accepts(path[0]):
            return False
        return len(path) < 2 or RecordKey._accepts(path[1])

    @property
    def authority(self) -> Did | Handle:
        """The account: its DID, or the handle it was addressed by."""
        authority = self.split("/", 3)[2]
        if authority.startswith("did:"):
            return Did.unchecked(authority)
        return Handle.unchecked(authority.lower())

    @property
    def collection(self) -> Nsid | None:
        """The collection, where the address names one."""
        parts = self.split("/", 4)
        return Nsid.unchecked(parts[3]) if len(parts) > 3 else None

    @property
    def rkey(self) -> RecordKey | None:
        """The record key, where the address names a record."""
        parts = self.split("/", 4)
        return RecordKey.unchecked(parts[4]) if len(parts) > 4 else None


class Datetime(_Parsed):
    """A moment with date, time and zone, as RFC 3339 and ISO 8601 both write it.

    https://atproto.com/specs/lexicon#datetime
    """

    __slots__ = ()
    form = "a datetime with a time zone"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        if len(text) > 64 or text.endswith("-00:00"):
            return False
        try:
            return cls.unchecked(text).to_us() >= _YEAR_ZERO_US
        except ValueError:
            return False

    @classmethod
    def from_us(cls, us: int) -> Self:
        """Write microseconds since 1970 as UTC with milliseconds (rounded down)."""
        try:
            moment = _EPOCH + timedelta(microseconds=us)
        except OverflowError:
            raise InvalidSyntax(f"{us} us lies outside the years 1 to 9999") from None
        return cls.unchecked(moment.isoformat(timespec="milliseconds")[:23] + "Z")

    def to_us(self) -> int:
        """Give microseconds since 1970 UTC; digits beyond microseconds are cut off."""
        match = _DATETIME.fullmatch(self)
        if match is None:
            raise InvalidSyntax(f"expected {self.form}, not {_shown(self)}")
        day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
        minutes = _day_number(day) * 1440 + int(hour) * 60 + int(minute)
        if sign:
            zone = int(zone_hour) * 60 + int(zone_minute)
            minutes += zone if sign == "-" else -zone
        us = (minutes * 60 + int(second)) * 1_000_000
        return us + int(fraction[:6].ljust(6, "0")) if fraction else us


def _day_number(day: str) -> int:
    """Count the days from 1970-01-01 to a `YYYY-MM-DD`; ValueError for a day that never was."""
    if day.startswith("0000"):
        return date.fromisoformat("0400" + day[4:]).toordinal() - _DAYS_IN_400_YEARS - _EPOCH_DAY
    return date.fromisoformat(day).toordinal() - _EPOCH_DAY


class Language(_Parsed):
    """A BCP 47 language tag without repeated variants or extensions.

    https://www.rfc-editor.org/rfc/rfc5646#section-2.1
    """

    __slots__ = ()
    form = "a language tag"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return len(text) <= 128 and _is_language(text)


@lru_cache(maxsize=256)  # few are in use, each in nearly every post
def _is_language(text: str) -> bool:
    if text[:1].islower() and _GRANDFATHERED.fullmatch(text.lower()):
        return True
    match = _LANGUAGE.fullmatch(text)
    if match is None:
        return False
    variants = (match["variants"] or "").lower().split("-")[1:]
    extensions = (match["extensions"] or "").lower().split("-")[1:]
    singletons = [part for part in extensions if len(part) == 1]
    return not (_repeats(variants) or _repeats(singletons))


def _repeats(parts: list[str]) -> bool:
    return len(set(parts)) < len(parts)


class Uri(_Parsed):
    """A URI of any scheme, at most 8192 bytes.

    https://atproto.com/specs/lexicon#uri
    """

    __slots__ = ()
    form = "a URI"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        if len(text) > 8192 or _URI.fullmatch(text) is None:
            return False
        return text.isascii() or len(text.encode(errors="surrogatepass")) <= 8192


class CidText(_Parsed):
    """A CID of any kind as text; links inside data are the stricter `Cid`.

    https://atproto.com/specs/lexicon#string-formats
    """

    __slots__ = ()
    form = "a CID"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return _CID_TEXT.fullmatch(text) is not None and not text.startswith("Qm")

    def to_cid(self) -> Cid:
        """Read it as a link of the protocol; raise InvalidCid."""
        return Cid.parse(self)


class TidText(_Parsed):
    """The form of a timestamp identifier; `tid.Tid` also knows its time.

    https://atproto.com/specs/tid
    """

    __slots__ = ()
    form = "a TID"

    @classmethod
    def _accepts(cls, text: str) -> bool:
        return _TID.fullmatch(text) is not None


# The parser of each lexicon string format; all raise InvalidSyntax.
FORMATS: Final[dict[str, Callable[[str], str]]] = {
    "at-identifier": parse_at_identifier,
    "at-uri": AtUri,
    "cid": CidText,
    "datetime": Datetime,
    "did": Did,
    "handle": Handle,
    "language": Language,
    "nsid": Nsid,
    "record-key": RecordKey,
    "tid": TidText,
    "uri": Uri,
}
