"""Documents that are lexicons, and documents that only look like it."""

from typing import Any

import pytest

from appliance.atproto.lexicon.errors import InvalidLexicon
from appliance.atproto.lexicon.schema_check import MAX_DEPTH, check_document
from tests.support.interop import INTEROP_DIR, cases


def document(**definitions: Any) -> dict[str, Any]:
    return {"lexicon": 1, "id": "com.example.thing", "defs": definitions}


def record(key: str = "tid", **properties: Any) -> dict[str, Any]:
    return {"type": "record", "key": key, "record": {"type": "object", "properties": properties}}


def query(**fields: Any) -> dict[str, Any]:
    return {"type": "query", **fields}


VALID: list[Any] = [
    document(main=record(text={"type": "string", "maxLength": 3})),
    document(main=record("literal:self")),
    document(view={"type": "object", "properties": {}, "description": "prose is let through"}),
    document(main=query(parameters={"type": "params", "properties": {"q": {"type": "string"}}})),
    document(main=query(output={"encoding": "application/json", "schema": {"type": "object"}})),
    document(main=query(output={"encoding": "application/vnd.ipld.car"})),
    document(main={"type": "procedure", "input": {"encoding": "*/*"}}),
    document(main={"type": "subscription", "message": {"schema": {"type": "union", "refs": []}}}),
    document(list={"type": "array", "items": {"type": "ref", "ref": "#other"}}),
]

INVALID: list[tuple[Any, str]] = [
    ("text", "must be an object"),
    ({"lexicon": True, "id": "com.example.thing", "defs": {}}, "must be 1"),
    ({"lexicon": 1, "id": None, "defs": {}}, "must be an NSID"),
    ({"lexicon": 1, "id": "com.example.thing"}, "defs"),
    ({"lexicon": 1, "id": "com.example.thing", "defs": {}}, "defs"),
    (document(**{"a-b": {"type": "token"}}), "letters"),
    (document(main=[]), "must be an object"),
    (document(main={}), "known type"),
    (document(main={"type": []}), "known type"),
    (document(main={"type": "number"}), "known type"),
    (document(view=record()), "must be the main"),
    (document(main={"type": "unknown"}), "of its own"),
    (document(main={"type": "union", "refs": []}), "of its own"),
    (document(main=record("whatever")), "the key"),
    (document(main={"type": "record", "key": "tid", "record": {"type": "string"}}), "not be of"),
    (document(main={"type": "array"}), "items"),
    (document(main={"type": "integer", "minimum": "1"}), "wrong type"),
    (document(main={"type": "integer", "maximum": True}), "wrong type"),
    (document(main={"type": "integer", "minimum": 3, "maximum": 2}), "not be greater"),
    (document(main={"type": "string", "format": "color"}), "unknown string format"),
    (document(main={"type": "string", "enum": ["a", 1]}), "list of str"),
    (document(main={"type": "integer", "enum": [1, True]}), "list of int"),
    (document(main={"type": "object", "required": ["a"]}), "name properties"),
    (document(main={"type": "object", "properties": {"a": {"type": "query"}}}), "not be of"),
    (document(list={"type": "array", "items": {"type": "ref", "ref": "#"}}), "no definition"),
    (document(list={"type": "array", "items": {"type": "ref", "ref": "nope"}}), "no lexicon"),
    (document(main=query(parameters={"type": "object"})), "not be of"),
    (
        document(
            main=query(parameters={"type": "params", "properties": {"a": {"type": "object"}}})
        ),
        "not be of",
    ),
    (document(main=query(output={})), "encoding"),
    (document(main=query(output={"encoding": "json"})), "encoding"),
    (
        document(main=query(output={"encoding": "text/plain", "schema": {"type": "string"}})),
        "not be of",
    ),
    (document(main=query(errors=["Bad"])), "with a name"),
    (
        document(main={"type": "permission-set", "permissions": [{"type": "token"}]}),
        "not be of",
    ),
]


@pytest.mark.parametrize("candidate", VALID)
def test_a_lexicon_passes(candidate: Any) -> None:
    check_document(candidate)


@pytest.mark.parametrize(("candidate", "reason"), INVALID)
def test_a_broken_document_is_refused_with_the_reason(candidate: Any, reason: str) -> None:
    with pytest.raises(InvalidLexicon, match=reason):
        check_document(candidate)


def test_the_interoperability_documents_are_told_apart() -> None:
    for case in cases("lexicon/lexicon-valid.json"):
        check_document(case["lexicon"])
    for case in cases("lexicon/lexicon-invalid.json"):
        with pytest.raises(InvalidLexicon):
            check_document(case["lexicon"])


def test_the_interoperability_catalog_passes() -> None:
    for path in sorted((INTEROP_DIR / "lexicon" / "catalog").glob("*.json")):
        check_document(cases(f"lexicon/catalog/{path.name}"))


def test_deep_nesting_is_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(MAX_DEPTH + 1):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidLexicon, match="too deep"):
        check_document(document(list=schema))


def test_a_crowd_of_definitions_is_refused() -> None:
    crowd = {f"d{number}": {"type": "token"} for number in range(1001)}
    with pytest.raises(InvalidLexicon, match="definitions"):
        check_document(document(**crowd))


def test_a_crowd_of_properties_is_refused() -> None:
    crowd = {f"p{number}": {"type": "string"} for number in range(1001)}
    with pytest.raises(InvalidLexicon, match="properties"):
        check_document(document(main={"type": "object", "properties": crowd}))
