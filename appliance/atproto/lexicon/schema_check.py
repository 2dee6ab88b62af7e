"""Check that a document is a lexicon, before any of it is compiled or followed.

https://atproto.com/specs/lexicon
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeAlias

from appliance.atproto.lexicon.errors import InvalidLexicon
from appliance.atproto.syntax import FORMATS, Nsid

Fields: TypeAlias = Mapping[str, type | tuple[type, ...]]

MAX_DEPTH: Final = 32
MAX_DEFINITIONS: Final = 1000
MAX_PROPERTIES: Final = 1000

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}", re.ASCII)
_ENCODING: Final = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+", re.ASCII)
_KEY_RULE: Final = re.compile(r"tid|nsid|any|literal:[a-zA-Z0-9_~.:-]{1,512}", re.ASCII)

PRIMARY: Final = frozenset({"record", "query", "procedure", "subscription", "permission-set"})
# What only stands inside another schema: a name for it would add nothing.
UNNAMED: Final = frozenset({"ref", "union", "unknown", "params", "permission"})
PARAMETER: Final = frozenset({"boolean", "integer", "string", "unknown", "array"})


@dataclass(frozen=True, slots=True)
class _Shape:
    """List the fields of one kind of definition with their types."""

    required: Fields = field(default_factory=dict)
    optional: Fields = field(default_factory=dict)


_LENGTHS: Final[Fields] = {"minLength": int, "maxLength": int}
_METHOD: Final[Fields] = {"parameters": dict, "output": dict, "errors": list}

_SHAPES: Final[dict[str, _Shape]] = {
    "boolean": _Shape({}, {"default": bool, "const": bool}),
    "integer": _Shape(
        {}, {"minimum": int, "maximum": int, "enum": list, "default": int, "const": int}
    ),
    "string": _Shape(
        {},
        {
            **_LENGTHS,
            "format": str,
            "minGraphemes": int,
            "maxGraphemes": int,
            "knownValues": list,
            "enum": list,
            "default": str,
            "const": str,
        },
    ),
    "bytes": _Shape({}, _LENGTHS),
    "cid-link": _Shape(),
    "blob": _Shape({}, {"accept": list, "maxSize": int}),
    "array": _Shape({"items": dict}, _LENGTHS),
    "object": _Shape({}, {"properties": dict, "required": list, "nullable": list}),
    "params": _Shape({}, {"properties": dict, "required": list}),
    "token": _Shape(),
    "ref": _Shape({"ref": str}),
    "union": _Shape({"refs": list}, {"closed": bool}),
    "unknown": _Shape(),
    "record": _Shape({"key": str, "record": dict}),
    "query": _Shape({}, _METHOD),
    "procedure": _Shape({}, {**_METHOD, "input": dict}),
    "subscription": _Shape({}, {"parameters": dict, "message": dict, "errors": list}),
    "permission-set": _Shape({"permissions": list}, {"title": str, "detail": str}),
    "permission": _Shape({"resource": str}),
}


def check_document(document: Any) -> None:
    """Check a lexicon document, decoded from JSON. Raises InvalidLexicon, naming the place.

    References are checked for their form only: what they name may be in another document.
    """
    if not isinstance(document, dict):
        _refuse("document", "must be an object")
    if type(document.get("lexicon")) is not int or document["lexicon"] != 1:
        _refuse("lexicon", "must be 1")
    try:
        Nsid(document.get("id"))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        _refuse("id", "must be an NSID")
    definitions = document.get("defs")
    if not isinstance(definitions, dict) or not 0 < len(definitions) <= MAX_DEFINITIONS:
        _refuse("defs", f"must be an object with 1 to {MAX_DEFINITIONS} definitions")
    for name, definition in definitions.items():
        if not _NAME.fullmatch(name):
            _refuse(f"defs/{name}", "must be named by letters and digits")
        kind = _check(definition, f"defs/{name}")
        if kind in PRIMARY and name != "main":
            _refuse(f"defs/{name}", f"a {kind} must be the main definition")
        if kind in UNNAMED:
            _refuse(f"defs/{name}", f"a {kind} cannot be a definition of its own")


def _refuse(path: str, reason: str) -> NoReturn:
    raise InvalidLexicon(f"{path}: {reason}")


def _check(schema: Any, path: str, depth: int = 0) -> str:
    """Check one schema and those inside it; return its type."""
    if depth > MAX_DEPTH:
        _refuse(path, "is nested too deep")
    if not isinstance(schema, dict):
        _refuse(path, "must be an object")
    kind = schema.get("type")
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or shape is None:
        _refuse(path, "must have a known type")
    _check_fields(schema, shape, path)
    _check_rules(schema, path)
    for name, inner, allowed in _inner(schema, kind, path):
        inner_kind = _check(inner, f"{path}/{name}", depth + 1)
        if inner_kind not in allowed:
            _refuse(f"{path}/{name}", f"must not be of type {inner_kind}")
    return kind


def _check_fields(schema: Mapping[str, Any], shape: _Shape, path: str) -> None:
    for name in shape.required:
        if name not in schema:
            _refuse(path, f"must have the field {name!r}")
    for name, wanted in {**shape.required, **shape.optional}.items():
        value = schema.get(name)
        is_wrong_bool = isinstance(value, bool) and wanted is int
        if name in schema and (not isinstance(value, wanted) or is_wrong_bool):
            _refuse(f"{path}/{name}", "has the wrong type")


def _check_rules(schema: Mapping[str, Any], path: str) -> None:
    """Check what the fields say, beyond their types."""
    if "format" in schema and schema["format"] not in FORMATS:
        _refuse(path, f"unknown string format {schema['format']!r}")
    if schema["type"] == "record" and not _KEY_RULE.fullmatch(schema["key"]):
        _refuse(path, "the key must be tid, nsid, any or literal:<key>")
    for name in ("required", "nullable"):
        properties = schema.get("properties", {})
        if any(item not in properties for item in schema.get(name, ())):
            _refuse(f"{path}/{name}", "must name properties")
    for low, high in (
        ("minLength", "maxLength"),
        ("minGraphemes", "maxGraphemes"),
        ("minimum", "maximum"),
    ):
        if low in schema and high in schema and schema[low] > schema[high]:
            _refuse(path, f"{low} must not be greater than {high}")
    _check_texts(schema, path)
    for ref in [schema["ref"]] if "ref" in schema else schema.get("refs", ()):
        _check_ref(ref, path)


def _check_texts(schema: Mapping[str, Any], path: str) -> None:
    wanted = int if schema["type"] == "integer" else str
    for name in ("enum", "knownValues", "accept", "refs"):
        if any(type(item) is not wanted for item in schema.get(name, ())):
            _refuse(f"{path}/{name}", f"must be a list of {wanted.__name__}")


def _check_ref(ref: str, path: str) -> None:
    nsid, _, name = ref.partition("#")
    try:
        if nsid:
            Nsid(nsid)
    except ValueError:
        _refuse(path, f"{ref!r} names no lexicon")
    if "#" in ref and not _NAME.fullmatch(name):
        _refuse(path, f"{ref!r} names no definition")


_VALUES: Final = frozenset(_SHAPES) - PRIMARY - {"params", "permission"}
_BODIES: Final = frozenset({"object", "ref", "union"})


def _inner(
    schema: Mapping[str, Any], kind: str, path: str
) -> list[tuple[str, Any, frozenset[str]]]:
    """List the schemas inside a schema: name, schema, and the types it may have."""
    match kind:
        case "object":
            return _properties(schema, path, _VALUES)
        case "params":
            return _properties(schema, path, PARAMETER)
        case "array":
            return [("items", schema["items"], _VALUES)]
        case "record":
            return [("record", schema["record"], frozenset({"object"}))]
        case "permission-set":
            permissions = enumerate(schema["permissions"])
            allowed = frozenset({"permission"})
            return [(f"permissions/{index}", item, allowed) for index, item in permissions]
        case "query" | "procedure" | "subscription":
            return _method_parts(schema, path)
        case _:
            return []


def _properties(
    schema: Mapping[str, Any], path: str, allowed: frozenset[str]
) -> list[tuple[str, Any, frozenset[str]]]:
    properties = schema.get("properties", {})
    if len(properties) > MAX_PROPERTIES:
        _refuse(path, f"must not have more than {MAX_PROPERTIES} properties")
    return [(f"properties/{name}", item, allowed) for name, item in properties.items()]


def _method_parts(schema: Mapping[str, Any], path: str) -> list[tuple[str, Any, frozenset[str]]]:
    parts: list[tuple[str, Any, frozenset[str]]] = []
    if "parameters" in schema:
        parts.append(("parameters", schema["parameters"], frozenset({"params"})))
    for name in ("input", "output"):
        body = schema.get(name)
        if body is None:
            continue
        encoding = body.get("encoding")
        if not isinstance(encoding, str) or not all(
            _ENCODING.fullmatch(each.strip()) for each in encoding.split(",")
        ):
            _refuse(f"{path}/{name}", "must have an encoding, a MIME type")
        if "schema" in body:
            parts.append((f"{name}/schema", body["schema"], _BODIES))
    message = schema.get("message")
    if message is not None and "schema" in message:
        parts.append(("message/schema", message["schema"], frozenset({"union"})))
    errors = schema.get("errors", ())
    if any(not isinstance(error, dict) or not error.get("name") for error in errors):
        _refuse(f"{path}/errors", "must be objects with a name")
    return parts
