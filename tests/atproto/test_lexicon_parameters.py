"""Query parameters: from text to the values a lexicon declares."""

from typing import Any

import pytest
from multidict import MultiDict

from appliance.atproto.lexicon.catalog import Catalog, load_catalog
from appliance.atproto.lexicon.errors import InvalidLexicon, InvalidValue, UnknownLexicon
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import AtUri, Did, Handle

DID = "did:plc:yk4dd2qkboz2yv6tpubpc6co"


def query_document(required: list[str], **properties: Any) -> dict[str, Any]:
    parameters = {"type": "params", "required": required, "properties": properties}
    main = {"type": "query", "parameters": parameters}
    return {"lexicon": 1, "id": "com.example.ask", "defs": {"main": main}}


def ask(query: list[tuple[str, str]], *required: str, **properties: Any) -> dict[str, Any]:
    document = query_document(list(required), **properties)
    return Validator(Catalog({"com.example.ask": document})).parameters(
        "com.example.ask", MultiDict(query)
    )


def test_real_methods_get_their_defaults() -> None:
    validator = Validator(load_catalog())
    empty: MultiDict[str] = MultiDict()
    assert validator.parameters("app.bsky.feed.getTimeline", empty) == {"limit": 50}
    assert validator.parameters("com.atproto.server.describeServer", empty) == {}
    with pytest.raises(UnknownLexicon):
        validator.parameters("com.example.nothing", empty)


def test_strings_with_a_format_come_as_its_class() -> None:
    values = ask(
        [
            ("did", DID),
            ("actor", "Alice.Test"),
            ("uris", f"at://{DID}"),
            ("uris", f"at://{DID}/a.b.c"),
        ],
        did={"type": "string", "format": "did"},
        actor={"type": "string", "format": "at-identifier"},
        uris={"type": "array", "items": {"type": "string", "format": "at-uri"}},
    )
    assert values == {
        "did": DID,
        "actor": "alice.test",
        "uris": [f"at://{DID}", f"at://{DID}/a.b.c"],
    }
    assert type(values["did"]) is Did
    assert type(values["actor"]) is Handle
    assert [type(uri) for uri in values["uris"]] == [AtUri, AtUri]


def test_booleans_are_true_or_false_and_nothing_else() -> None:
    schema = {"type": "boolean", "default": True}
    assert ask([("on", "true")], on=schema) == {"on": True}
    assert ask([("on", "false")], on=schema) == {"on": False}
    assert ask([], on=schema) == {"on": True}
    assert ask([("on", "")], on=schema) == {"on": True}
    for text in ("1", "True", " ", "yes"):
        with pytest.raises(InvalidValue, match="parameters/on must be true or false"):
            ask([("on", text)], on=schema)


def test_integers_are_read_and_bounded() -> None:
    schema = {"type": "integer", "minimum": -5, "maximum": 100}
    assert ask([("n", "-5")], n=schema) == {"n": -5}
    assert ask([("n", "007")], n=schema) == {"n": 7}
    for text, reason in [
        ("101", "at most 100"),
        ("-6", "at least -5"),
        ("1.0", "an integer"),
        ("1e2", "an integer"),
        ("+1", "an integer"),
        ("٣", "an integer"),
        ("9" * 5000, "an integer"),
    ]:
        with pytest.raises(InvalidValue, match=f"parameters/n must be {reason}"):
            ask([("n", text)], n=schema)


def test_an_array_is_made_by_repetition() -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "maxLength": 2}
    assert ask([("n", "1")], n=schema) == {"n": [1]}
    assert ask([("n", "1"), ("n", "2")], n=schema) == {"n": [1, 2]}
    assert ask([], n=schema) == {}
    with pytest.raises(InvalidValue, match="parameters/n must not have more than 2 items"):
        ask([("n", "1")] * 3, n=schema)


def test_a_single_value_is_given_once() -> None:
    with pytest.raises(InvalidValue, match="parameters/q must be given only once"):
        ask([("q", "a"), ("q", "b")], q={"type": "string"})


def test_a_required_parameter_must_be_there() -> None:
    with pytest.raises(InvalidValue, match="parameters must have the property 'q'"):
        ask([], "q", q={"type": "string"})
    with pytest.raises(InvalidValue, match="parameters must have the property 'q'"):
        ask([("q", "")], "q", q={"type": "string"})


def test_an_empty_parameter_is_an_absent_one() -> None:
    assert ask([("n", "")], n={"type": "integer", "default": 50}) == {"n": 50}
    assert ask([("cursor", "")], cursor={"type": "string"}) == {}


def test_strings_are_limited() -> None:
    schema = {"type": "string", "maxLength": 3, "format": "nsid"}
    with pytest.raises(InvalidValue, match="must not be longer than 3 bytes"):
        ask([("q", "a" * 100)], q=schema)
    with pytest.raises(InvalidValue, match="must be a valid nsid"):
        ask([("q", "a b")], q=schema)


def test_parameters_nobody_declared_are_ignored() -> None:
    assert ask([("other", "1"), ("q", "a")], q={"type": "string"}) == {"q": "a"}


def test_a_parameter_of_an_impossible_type_is_a_broken_lexicon() -> None:
    with pytest.raises(InvalidLexicon, match="'object'"):
        ask([], q={"type": "object"})
