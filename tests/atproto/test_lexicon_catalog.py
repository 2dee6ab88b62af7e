"""The catalog: the documents that come with the package, and how they refer to one another."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.atproto.lexicon.catalog import Catalog, full_ref, load_catalog
from appliance.atproto.lexicon.compile import Compiler, Form
from appliance.atproto.lexicon.errors import UnknownLexicon
from appliance.atproto.lexicon.schema_check import PRIMARY, check_document

CATALOG = load_catalog()


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from schemas_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from schemas_in(item)


def test_the_catalog_holds_the_protocol_the_app_and_our_own_methods() -> None:
    for nsid in (
        "com.atproto.repo.createRecord",
        "app.bsky.feed.post",
        "chat.bsky.convo.listConvos",
        "internal.hearth.upkeep.getStatus",
    ):
        assert CATALOG.has(nsid)


def test_every_document_is_filed_under_its_own_id() -> None:
    assert all(CATALOG.document(nsid)["id"] == nsid for nsid in CATALOG.nsids)


def test_every_document_is_a_lexicon() -> None:
    for nsid in CATALOG.nsids:
        check_document(CATALOG.document(nsid))


def test_every_reference_leads_somewhere() -> None:
    for nsid in CATALOG.nsids:
        for schema in schemas_in(CATALOG.document(nsid)):
            refs = [schema["ref"]] if schema.get("type") == "ref" else []
            refs += schema["refs"] if schema.get("type") == "union" else []
            for ref in refs:
                assert CATALOG.lookup(full_ref(ref, nsid))


@pytest.mark.parametrize("form", Form)
def test_every_definition_compiles(form: Form) -> None:
    compiler = Compiler(CATALOG, form)
    for nsid in CATALOG.nsids:
        for name, definition in CATALOG.document(nsid)["defs"].items():
            if definition["type"] not in PRIMARY - {"record"}:
                assert callable(compiler.named(f"{nsid}#{name}"))


def test_no_prose_is_carried_along() -> None:
    for nsid in CATALOG.nsids:
        for schema in schemas_in(CATALOG.document(nsid)):
            assert not isinstance(schema.get("description"), str)


def test_a_property_that_is_named_description_stays() -> None:
    profile = CATALOG.definition("app.bsky.actor.profile")["record"]
    assert profile["properties"]["description"]["maxGraphemes"] == 256


def test_methods_are_the_queries_procedures_and_subscriptions() -> None:
    assert CATALOG.methods["app.bsky.feed.getTimeline"]["type"] == "query"
    assert CATALOG.methods["com.atproto.sync.subscribeRepos"]["type"] == "subscription"
    assert "app.bsky.feed.post" not in CATALOG.methods


def test_records_are_told_from_methods_and_from_strangers() -> None:
    assert CATALOG.is_record("app.bsky.feed.post")
    assert not CATALOG.is_record("app.bsky.feed.getTimeline")
    assert not CATALOG.is_record("app.bsky.feed.defs")
    assert not CATALOG.is_record("com.example.nothing")


def test_an_unknown_name_is_an_error_that_says_which() -> None:
    with pytest.raises(UnknownLexicon, match=r"com\.example\.nothing"):
        CATALOG.document("com.example.nothing")
    with pytest.raises(UnknownLexicon, match="app.bsky.feed.defs#nothing"):
        CATALOG.lookup("app.bsky.feed.defs#nothing")
    with pytest.raises(UnknownLexicon, match="app.bsky.feed.defs"):
        CATALOG.lookup("app.bsky.feed.defs")


def test_documents_can_be_added_to_a_copy() -> None:
    document = {"lexicon": 1, "id": "com.example.one", "defs": {"main": {"type": "token"}}}
    larger = CATALOG.with_documents({"com.example.one": document})
    assert larger.has("com.example.one")
    assert larger.has("app.bsky.feed.post")
    assert not CATALOG.has("com.example.one")


def test_references_are_written_in_full() -> None:
    assert full_ref("#view", "com.example.defs") == "com.example.defs#view"
    assert full_ref("com.example.other", "com.example.defs") == "com.example.other#main"
    assert full_ref("com.example.other#view", "com.example.defs") == "com.example.other#view"


def test_loading_everything_is_quick() -> None:
    times = []
    for _ in range(5):
        start = time.thread_time()
        load_catalog.__wrapped__()
        times.append(time.thread_time() - start)
    assert min(times) < 0.05


def test_a_catalog_does_not_change_with_the_mapping_it_came_from() -> None:
    documents: dict[str, Any] = {}
    catalog = Catalog(documents)
    documents["com.example.one"] = {"defs": {"main": {}}}
    assert not catalog.has("com.example.one")
