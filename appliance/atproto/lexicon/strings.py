"""The checks of strings: formats, lengths, graphemes, enumerations."""

from collections.abc import Callable
from typing import Any, TypeAlias

from appliance.atproto.lexicon.catalog import Definition
from appliance.atproto.lexicon.errors import InvalidLexicon, InvalidValue
from appliance.atproto.lexicon.graphemes import count_graphemes
from appliance.atproto.syntax import FORMATS

Check: TypeAlias = Callable[[Any], None]


def string_check(schema: Definition) -> Check:
    """Make the check of a string schema."""
    checks = [make(schema) for key, make in _MAKERS.items() if key in schema]
    if not checks:
        return check_string
    if len(checks) == 1:
        return _alone(checks[0])

    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise InvalidValue("must be a string")
        for one in checks:
            one(value)

    return check


def check_string(value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidValue("must be a string")


def utf8_length(text: str) -> int:
    """Return how many bytes a text takes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def format_parser(name: str) -> Callable[[str], str]:
    """Return the parser of a string format. Raises InvalidLexicon for a format nobody knows."""
    try:
        return FORMATS[name]
    except KeyError:
        raise InvalidLexicon(f"unknown string format {name!r}") from None


def _alone(only: Check) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise InvalidValue("must be a string")
        only(value)

    return check


def _format(schema: Definition) -> Check:
    name = schema["format"]
    parse = format_parser(name)
    parsed = parse if isinstance(parse, type) else None  # such values were parsed already

    def check(value: str) -> None:
        if type(value) is parsed:
            return
        try:
            parse(value)
        except ValueError:
            raise InvalidValue(f"must be a valid {name}") from None

    return check


def _max_length(schema: Definition) -> Check:
    limit: int = schema["maxLength"]
    surely = limit // 4  # UTF-8 takes at most four bytes for a character

    def check(value: str) -> None:
        if len(value) > surely and utf8_length(value) > limit:
            raise InvalidValue(f"must not be longer than {limit} bytes")

    return check


def _min_length(schema: Definition) -> Check:
    limit: int = schema["minLength"]

    def check(value: str) -> None:
        if len(value) < limit and utf8_length(value) < limit:
            raise InvalidValue(f"must not be shorter than {limit} bytes")

    return check


def _max_graphemes(schema: Definition) -> Check:
    limit: int = schema["maxGraphemes"]

    def check(value: str) -> None:
        if len(value) > limit and count_graphemes(value) > limit:
            raise InvalidValue(f"must not be longer than {limit} graphemes")

    return check


def _min_graphemes(schema: Definition) -> Check:
    limit: int = schema["minGraphemes"]

    def check(value: str) -> None:
        if len(value) < limit or count_graphemes(value) < limit:
            raise InvalidValue(f"must not be shorter than {limit} graphemes")

    return check


def _enum(schema: Definition) -> Check:
    allowed = frozenset(schema["enum"])
    names = ", ".join(schema["enum"])

    def check(value: str) -> None:
        if value not in allowed:
            raise InvalidValue(f"must be one of: {names}")

    return check


def _const(schema: Definition) -> Check:
    wanted: str = schema["const"]

    def check(value: str) -> None:
        if value != wanted:
            raise InvalidValue(f"must be {wanted!r}")

    return check


# Lengths stand first: a format's parser never sees more than the schema allows.
_MAKERS: dict[str, Callable[[Definition], Check]] = {
    "maxLength": _max_length,
    "minLength": _min_length,
    "maxGraphemes": _max_graphemes,
    "minGraphemes": _min_graphemes,
    "enum": _enum,
    "const": _const,
    "format": _format,
}
