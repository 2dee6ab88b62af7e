"""Parse the query parameters of a method by its lexicon."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.atproto.lexicon.catalog import Definition
from appliance.atproto.lexicon.compile import integer_check, length_check
from appliance.atproto.lexicon.errors import InvalidLexicon, InvalidValue
from appliance.atproto.lexicon.strings import format_parser, string_check

_INTEGER: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


class Query(Protocol):
    """Hold the parameters of a query string, each perhaps several times (a multidict)."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """Return all values of a parameter, or the default when there is none."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    parse: Callable[[Sequence[str]], Any]
    required: bool
    default: Any


class ParametersParser:
    """Turn a query string into the values a method's lexicon declares.

    Strings with a format are parsed by it; defaults are filled in; an empty parameter (`cursor=`)
    is an absent one; one that is absent and has no default is absent in the result. Parameters the
    lexicon does not know are ignored.
    """

    def __init__(self, schema: Definition) -> None:
        required = frozenset(schema.get("required", ()))
        self._parameters = [
            _Parameter(name, _parser(item), name in required, item.get("default"))
            for name, item in schema.get("properties", {}).items()
        ]

    def __call__(self, query: Query) -> dict[str, Any]:
        """Return the values by name. Raises InvalidValue."""
        values = {}
        for parameter in self._parameters:
            texts = query.getall(parameter.name, ())
            if any(texts):
                try:
                    values[parameter.name] = parameter.parse(texts)
                except InvalidValue as bad:
                    bad.within(parameter.name)
                    bad.within("parameters")
                    raise
            elif parameter.default is not None:
                values[parameter.name] = parameter.default
            elif parameter.required:
                raise InvalidValue(f"must have the property {parameter.name!r}", "parameters")
        return values


def _parser(schema: Definition) -> Callable[[Sequence[str]], Any]:
    if schema["type"] == "array":
        return _array_parser(schema)
    parse = _scalar_parser(schema)

    def parse_single(texts: Sequence[str]) -> Any:
        if len(texts) != 1:
            raise InvalidValue("must be given only once")
        return parse(texts[0])

    return parse_single


def _array_parser(schema: Definition) -> Callable[[Sequence[str]], Any]:
    parse = _scalar_parser(schema["items"])
    check_length = length_check(schema, "items")

    def parse_all(texts: Sequence[str]) -> list[Any]:
        check_length(len(texts))
        return [parse(text) for text in texts]

    return parse_all


def _scalar_parser(schema: Definition) -> Callable[[str], Any]:
    match schema["type"]:
        case "string":
            return _string_parser(schema)
        case "integer":
            return _integer_parser(schema)
        case "boolean":
            return _parse_boolean
        case "unknown":
            return str
        case other:
            raise InvalidLexicon(f"a parameter cannot be of type {other!r}")


def _string_parser(schema: Definition) -> Callable[[str], str]:
    name = schema.get("format")
    check = string_check({key: value for key, value in schema.items() if key != "format"})
    parse_format = format_parser(name) if name else str

    def parse(text: str) -> str:
        check(text)
        try:
            return parse_format(text)
        except ValueError:
            raise InvalidValue(f"must be a valid {name}") from None

    return parse


def _integer_parser(schema: Definition) -> Callable[[str], int]:
    check = integer_check(schema)

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise InvalidValue("must be an integer")
        value = int(text)
        check(value)
        return value

    return parse


def _parse_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise InvalidValue("must be true or false") from None
