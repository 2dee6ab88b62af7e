"""Declare the XRPC methods a module implements.

A handler's keyword arguments are the fields of the method's lexicon, in snake_case: parameters of
a query or subscription, input properties of a procedure. A difference is an error at import and
names the field. Values arrive parsed by the field's format (`Did`, `Nsid`, `Cid`, ...).

A field absent from the request is None, unless the handler gives it a default of its own: then
that default stands, which tells an absent field from a null one.
"""

import inspect
import keyword
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from aiohttp import web

from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.catalog import Catalog, Definition, full_ref, load_catalog
from appliance.atproto.syntax import FORMATS
from appliance.atproto.tid import Tid

R = TypeVar("R")
H = TypeVar("H", bound=Callable[..., Awaitable[Any]])
Kind: TypeAlias = Literal["query", "procedure", "subscription"]
Auth: TypeAlias = Callable[[Any, web.Request], Awaitable[Any]]
Parser: TypeAlias = Callable[[str], object]

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# The validator checks formats; of parameters it also makes the classes, but for these two.
_PARAMETER_PARSERS: Final[Mapping[str, Parser]] = {"cid": Cid.parse, "tid": Tid}
_INPUT_PARSERS: Final[Mapping[str, Parser]] = {**FORMATS, **_PARAMETER_PARSERS}
# What a handler may ask for besides the fields of the lexicon.
REQUEST: Final = "request"
BODY: Final = "body"


class HandlerMismatch(TypeError):
    """A handler does not take what its lexicon declares."""


@dataclass(frozen=True)
class Reply:
    """A JSON answer with headers or a status of its own."""

    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Stream:
    """An answer sent piece by piece, no faster than the client takes it."""

    content_type: str
    chunks: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Field:
    """One field of a method: its name in the lexicon and in Python, and how to parse its text."""

    name: str
    keyword: str
    parse: Parser | None
    is_list: bool
    has_default: bool


@dataclass(frozen=True)
class Method:
    """A method and the handler that implements it."""

    nsid: str
    kind: Kind
    handler: Callable[..., Awaitable[Any]]
    auth: Auth | None
    fields: tuple[Field, ...]
    has_json_input: bool
    input_encoding: str | None
    output_encoding: str | None
    wants_request: bool
    wants_body: bool


class MethodTable(Generic[R]):
    """The methods of one module, in order; `R` is the role its handlers are given."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self._catalog = catalog or load_catalog()
        self.methods: dict[str, Method] = {}

    def query(self, nsid: str, auth: Auth | None = None) -> Callable[[H], H]:
        """Declare a handler `async (role, [caller,] *, parameters...)`. Raises HandlerMismatch."""
        return self._declare(nsid, "query", auth)

    def procedure(self, nsid: str, auth: Auth | None = None) -> Callable[[H], H]:
        """Declare a handler `async (role, [caller,] *, input...)`. Raises HandlerMismatch.

        Where the input is not JSON the handler asks for `body`, an aiohttp StreamReader.
        """
        return self._declare(nsid, "procedure", auth)

    def subscription(self, nsid: str, auth: Auth | None = None) -> Callable[[H], H]:
        """Declare a handler that answers a WebSocket itself and returns it."""
        return self._declare(nsid, "subscription", auth)

    def _declare(self, nsid: str, kind: Kind, auth: Auth | None) -> Callable[[H], H]:
        if nsid in self.methods:
            raise HandlerMismatch(f"{nsid} is declared twice")
        definition = self._catalog.definition(nsid)
        if definition["type"] != kind:
            raise HandlerMismatch(f"{nsid} is a {definition['type']}, not a {kind}")

        def declare(handler: H) -> H:
            self.methods[nsid] = _method(self._catalog, nsid, kind, handler, auth)
            return handler

        return declare


def snake_case(name: str) -> str:
    """Write a camelCase name the Python way; a word Python keeps for itself gets a "_" behind."""
    snake = _HUMP.sub("_", name).lower()
    return f"{snake}_" if keyword.iskeyword(snake) else snake


def _method(
    catalog: Catalog,
    nsid: str,
    kind: Kind,
    handler: Callable[..., Awaitable[Any]],
    auth: Auth | None,
) -> Method:
    definition = catalog.definition(nsid)
    encoding = definition.get("input", {}).get("encoding")
    has_json_input = "schema" in definition.get("input", {})
    schema = _fields_schema(catalog, nsid, definition)
    taken = _keyword_arguments(nsid, handler, auth)
    declared = {snake_case(name): (name, item) for name, item in schema.items()}
    extras = {REQUEST, BODY} - set(declared)
    _compare(nsid, set(declared), set(taken) - extras)
    parsers = _INPUT_PARSERS if has_json_input else _PARAMETER_PARSERS
    fields = tuple(
        _field(catalog, nsid, name, item, taken[word], parsers)
        for word, (name, item) in declared.items()
    )
    return Method(
        nsid=nsid,
        kind=kind,
        handler=handler,
        auth=auth,
        fields=fields,
        has_json_input=has_json_input,
        input_encoding=encoding,
        output_encoding=definition.get("output", {}).get("encoding"),
        wants_request=REQUEST in taken and REQUEST in extras,
        wants_body=BODY in taken and BODY in extras,
    )


def _fields_schema(catalog: Catalog, nsid: str, definition: Definition) -> dict[str, Definition]:
    """Return the properties that become keyword arguments."""
    schema = definition.get("input", {}).get("schema")
    if schema is None:
        schema = definition.get("parameters", {})
    while schema.get("type") == "ref":
        schema = catalog.lookup(full_ref(schema["ref"], nsid))
    properties: dict[str, Definition] = schema.get("properties", {})
    return properties


def _keyword_arguments(
    nsid: str, handler: Callable[..., Awaitable[Any]], auth: Auth | None
) -> dict[str, inspect.Parameter]:
    """Return a handler's keyword arguments; refuse one with wrong positional arguments."""
    if not inspect.iscoroutinefunction(handler):
        raise HandlerMismatch(f"{nsid}: the handler is not an async function")
    parameters = inspect.signature(handler).parameters
    words = {name: each for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    positional = len(parameters) - len(words)
    if positional != (1 if auth is None else 2):
        wanted = "(role, *, ...)" if auth is None else "(role, caller, *, ...)"
        raise HandlerMismatch(f"{nsid}: the handler has to be {wanted}")
    return words


def _compare(nsid: str, declared: set[str], taken: set[str]) -> None:
    for name in sorted(declared - taken):
        raise HandlerMismatch(f"{nsid}: the handler lacks the field {name!r}")
    for name in sorted(taken - declared):
        raise HandlerMismatch(f"{nsid}: the lexicon has no field {name!r}")


def _field(
    catalog: Catalog,
    nsid: str,
    name: str,
    schema: Definition,
    parameter: inspect.Parameter,
    parsers: Mapping[str, Parser],
) -> Field:
    schema, home = _resolved(catalog, nsid, schema)
    is_list = schema["type"] == "array"
    item = _resolved(catalog, home, schema["items"])[0] if is_list else schema
    form = item.get("format") if item["type"] == "string" else None
    return Field(
        name=name,
        keyword=parameter.name,
        parse=parsers.get(form) if form else None,
        is_list=is_list,
        has_default=parameter.default is not parameter.empty,
    )


def _resolved(catalog: Catalog, nsid: str, schema: Definition) -> tuple[Definition, str]:
    """Follow references to other definitions, through the documents they stand in."""
    while schema["type"] == "ref":
        ref = full_ref(schema["ref"], nsid)
        schema, nsid = catalog.lookup(ref), ref.partition("#")[0]
    return schema, nsid


def arguments(fields: tuple[Field, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn validated lexicon values into a handler's keyword arguments.

    Raises what the parsers raise (ValueError with `xrpc_name`).
    """
    found: dict[str, Any] = {}
    for each in fields:
        if each.name not in values:
            if not each.has_default:
                found[each.keyword] = None
            continue
        value = values[each.name]
        if each.parse is not None and value is not None:
            value = [each.parse(text) for text in value] if each.is_list else each.parse(value)
        found[each.keyword] = value
    return found
