"""The validator on real lexicons: records, inputs, outputs, messages, blobs."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.data import to_json
from appliance.atproto.lexicon.catalog import Catalog, load_catalog
from appliance.atproto.lexicon.errors import InvalidRecord, InvalidValue, UnknownLexicon
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import AtUri, Did

POST = "app.bsky.feed.post"
DID = "did:plc:yk4dd2qkboz2yv6tpubpc6co"
URI = f"at://{DID}/app.bsky.feed.post/3jui7kd54zh2y"
BLOCK = Cid.for_block(b"a record")
BLOB = Cid.for_blob(b"an image")
NOW = "2026-11-20T10:00:00.123Z"


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(load_catalog())


def post(**fields: Any) -> dict[str, Any]:
    return {"$type": POST, "text": "hello", "createdAt": NOW, **fields}


def blob(mime_type: str = "image/png", size: int = 1000) -> dict[str, Any]:
    return {"$type": "blob", "ref": BLOB, "mimeType": mime_type, "size": size}


def images(*blobs: Any) -> dict[str, Any]:
    return {
        "$type": "app.bsky.embed.images",
        "images": [{"image": each, "alt": ""} for each in blobs],
    }


STRONG_REF = {"uri": URI, "cid": str(BLOCK)}

GOOD_POSTS = [
    post(),
    post(langs=["en", "pt-BR"]),
    post(reply={"root": STRONG_REF, "parent": STRONG_REF}),
    post(embed=images(blob(), blob("image/jpeg"))),
    post(embed={"$type": "app.bsky.embed.record#main", "record": STRONG_REF}),
    post(embed={"$type": "com.example.embed", "whatever": 1}),
    post(text="x" * 300),
    post(text="\U0001f468\u200d\U0001f469\u200d\U0001f467" * 100),
    post(somethingNew={"a": [None]}),
]

BAD_POSTS: list[tuple[Any, str]] = [
    ({"$type": POST}, "record must have the property 'text'"),
    (post(text=None), "record/text must be a string"),
    (post(text=1), "record/text must be a string"),
    (post(text="x" * 301), "record/text must not be longer than 300 graphemes"),
    (post(text="x" * 3001), "record/text must not be longer than 3000 bytes"),
    (post(createdAt="yesterday"), "record/createdAt must be a valid datetime"),
    (post(langs="en"), "record/langs must be an array"),
    (post(langs=["en"] * 4), "record/langs must not have more than 3 items"),
    (post(langs=["en", "?"]), "record/langs/1 must be a valid language"),
    (post(langs=None), "record/langs must be an array"),
    (post(embed={"images": []}), "record/embed must be an object that names its"),
    (post(embed=images("x")), "record/embed/images/0/image must be a blob"),
    (post(embed=images(blob("text/plain"))), "record/embed/images/0/image must be a blob of type"),
    (post(embed=images(blob(size=2_000_001))), "must be a blob of at most"),
    (post(embed=images({**blob(), "ref": str(BLOB)})), "must be a blob with a ref"),
    (post(embed=images({**blob(), "size": True})), "must be a blob with its size"),
    (post(reply={"root": STRONG_REF}), "record/reply must have the property 'parent'"),
    (post(reply={"root": {"uri": "x"}, "parent": 1}), "record/reply/root must have the property"),
    (
        post(facets=[{"index": {"byteStart": -1, "byteEnd": 2}, "features": []}]),
        "record/facets/0/index/byteStart must be at least 0",
    ),
    (
        post(facets=[{"index": {"byteStart": True, "byteEnd": 2}, "features": []}]),
        "record/facets/0/index/byteStart must be an integer",
    ),
    ({**post(), "$type": "app.bsky.feed.like"}, r"record/\$type must be 'app.bsky.feed.post'"),
    ({"text": "hello", "createdAt": NOW}, r"record/\$type must be 'app.bsky.feed.post'"),
    ([], "record must be an object"),
]


@pytest.mark.parametrize("record", GOOD_POSTS)
def test_a_good_post_passes(validator: Validator, record: Any) -> None:
    validator.record(POST, record)


@pytest.mark.parametrize(("record", "message"), BAD_POSTS)
def test_a_bad_post_is_refused_with_place_and_reason(
    validator: Validator, record: Any, message: str
) -> None:
    with pytest.raises(InvalidRecord, match=message):
        validator.record(POST, record)


def test_an_error_gives_its_path_in_parts(validator: Validator) -> None:
    with pytest.raises(InvalidRecord) as caught:
        validator.record(POST, post(langs=["en", "?"]))
    assert caught.value.path == ("record", "langs", "1")
    assert caught.value.expected == "must be a valid language"
    assert caught.value.xrpc_name == "InvalidRequest"


def test_a_record_of_an_unknown_lexicon_is_neither_valid_nor_invalid(validator: Validator) -> None:
    with pytest.raises(UnknownLexicon):
        validator.record("com.example.thing", {"$type": "com.example.thing"})
    with pytest.raises(UnknownLexicon):
        validator.record("app.bsky.feed.getTimeline", {"$type": "app.bsky.feed.getTimeline"})
    assert not validator.knows_record("com.example.thing")
    assert validator.knows_record(POST)


def test_the_rule_for_record_keys_is_told(validator: Validator) -> None:
    assert validator.record_key_rule(POST) == "tid"
    assert validator.record_key_rule("app.bsky.actor.profile") == "literal:self"
    assert validator.record_key_rule("com.atproto.lexicon.schema") == "nsid"
    with pytest.raises(UnknownLexicon):
        validator.record_key_rule("com.example.thing")


def test_an_input_in_json_form_is_checked(validator: Validator) -> None:
    body = {"repo": DID, "collection": POST, "record": to_json(post())}
    assert validator.input("com.atproto.repo.createRecord", body) == body
    with pytest.raises(InvalidValue, match="input must have the property 'record'"):
        validator.input("com.atproto.repo.createRecord", {"repo": DID, "collection": POST})
    with pytest.raises(InvalidValue, match="input/repo must be a valid at-identifier"):
        validator.input("com.atproto.repo.createRecord", {**body, "repo": "not one"})
    with pytest.raises(InvalidValue, match="input/record must be an object, not bytes"):
        validator.input("com.atproto.repo.createRecord", {**body, "record": {"$link": "x"}})
    with pytest.raises(InvalidValue, match="input must be an object"):
        validator.input("com.atproto.repo.createRecord", None)


def test_a_union_of_writes_is_closed(validator: Validator) -> None:
    write = {"$type": "com.atproto.repo.applyWrites#delete", "collection": POST, "rkey": "a"}
    validator.input("com.atproto.repo.applyWrites", {"repo": DID, "writes": [write]})
    with pytest.raises(InvalidValue, match="input/writes/0 must be one of"):
        validator.input(
            "com.atproto.repo.applyWrites",
            {"repo": DID, "writes": [{**write, "$type": "com.example.write"}]},
        )


def test_defaults_are_filled_into_inputs(validator: Validator) -> None:
    body = {"useCount": 3}
    filled = validator.input("com.atproto.server.createInviteCodes", body)
    assert filled == {"useCount": 3, "codeCount": 1}
    assert body == {"useCount": 3}
    given = {"useCount": 3, "codeCount": 7}
    assert validator.input("com.atproto.server.createInviteCodes", given) == given


def test_defaults_are_found_behind_a_reference() -> None:
    inner = {"type": "object", "properties": {"limit": {"type": "integer", "default": 5}}}
    body = {"encoding": "application/json", "schema": {"type": "ref", "ref": "#body"}}
    main = {"type": "procedure", "input": body}
    document = {"lexicon": 1, "id": "com.example.do", "defs": {"main": main, "body": inner}}
    validator = Validator(Catalog({"com.example.do": document}))
    assert validator.input("com.example.do", {}) == {"limit": 5}
    with pytest.raises(InvalidValue, match="input must be an object"):
        validator.input("com.example.do", [])


def test_a_method_without_a_schema_takes_any_body(validator: Validator) -> None:
    assert validator.input("com.atproto.repo.uploadBlob", b"raw") == b"raw"
    validator.output("com.atproto.sync.getRepo", b"car")


def test_an_output_is_checked(validator: Validator) -> None:
    output = {"did": Did(DID), "handle": "alice.test", "email": "a@example.com"}
    validator.output("com.atproto.server.getSession", output)
    with pytest.raises(InvalidValue, match="output/handle must be a valid handle"):
        validator.output("com.atproto.server.getSession", {**output, "handle": "?"})


def test_links_and_bytes_in_json_form_are_checked(validator: Validator) -> None:
    result = {"blob": to_json(blob())}
    validator.output("com.atproto.repo.uploadBlob", result)
    with pytest.raises(InvalidValue, match="output/blob must be a blob with a ref"):
        validator.output("com.atproto.repo.uploadBlob", {"blob": blob()})


def test_a_nullable_property_may_be_null(validator: Validator) -> None:
    body = {
        "repo": DID,
        "collection": POST,
        "rkey": "a",
        "record": to_json(post()),
        "swapRecord": None,
    }
    validator.input("com.atproto.repo.putRecord", body)
    with pytest.raises(InvalidValue, match="swapCommit must be a string"):
        validator.input("com.atproto.repo.putRecord", {**body, "swapCommit": None})


def commit_message(**fields: Any) -> dict[str, Any]:
    return {
        "seq": 1,
        "rebase": False,
        "tooBig": False,
        "repo": DID,
        "commit": BLOCK,
        "rev": "3jui7kd54zh2y",
        "since": None,
        "blocks": b"car",
        "ops": [{"action": "create", "path": f"{POST}/a", "cid": BLOCK}],
        "blobs": [],
        "time": NOW,
        **fields,
    }


def test_a_stream_message_is_checked_in_value_form(validator: Validator) -> None:
    nsid = "com.atproto.sync.subscribeRepos"
    validator.message(nsid, "#commit", commit_message())
    validator.message(nsid, "#commit", commit_message(ops=[{**_op(), "cid": None}]))
    for broken in (
        commit_message(blocks=BLOCK),
        commit_message(commit=bytes(BLOCK)),
        commit_message(commit=None),
        commit_message(ops=[{**_op(), "cid": "x"}]),
    ):
        with pytest.raises(InvalidValue, match="message/"):
            validator.message(nsid, "#commit", broken)
    with pytest.raises(InvalidValue, match="must be one of"):
        validator.message(nsid, "#nothing", {})


def _op() -> dict[str, Any]:
    return {"action": "delete", "path": f"{POST}/a", "cid": BLOCK}


def test_the_blobs_of_a_record_come_with_their_rules(validator: Validator) -> None:
    record = post(embed=images(blob()), extra=[blob("video/mp4", 5)])
    rules = validator.blob_rules(POST, record)
    assert [(rule[0].mime_type, rule[1], rule[2]) for rule in rules] == [
        ("image/png", ("image/*",), 2_000_000),
        ("video/mp4", ("*/*",), None),
    ]


def test_blobs_of_unknown_records_may_be_anything(validator: Validator) -> None:
    rules = validator.blob_rules("com.example.thing", {"file": blob("text/plain")})
    assert [(rule[0].cid, rule[1], rule[2]) for rule in rules] == [(BLOB, ("*/*",), None)]
    assert validator.blob_rules(POST, post()) == []


def test_a_recursive_lexicon_refuses_bottomless_values() -> None:
    node = {"type": "object", "properties": {"next": {"type": "ref", "ref": "#node"}}}
    record = {"type": "record", "key": "any", "record": node}
    document = {"lexicon": 1, "id": "com.example.chain", "defs": {"main": record, "node": node}}
    validator = Validator(Catalog({"com.example.chain": document}))
    value: dict[str, Any] = {"$type": "com.example.chain"}
    validator.record("com.example.chain", {**value, "next": {"next": {}}})
    with pytest.raises(InvalidRecord, match="record/next/next must be an object"):
        validator.record("com.example.chain", {**value, "next": {"next": 1}})
    for _ in range(5000):
        value = {"$type": "com.example.chain", "next": value}
    with pytest.raises(InvalidRecord, match="nested so deeply"):
        validator.record("com.example.chain", value)


def test_threads_that_meet_at_the_first_use_all_get_the_whole_check() -> None:
    node = {"type": "object", "properties": {"next": {"type": "ref", "ref": "#node"}}}
    record = {"type": "record", "key": "any", "record": node}
    document = {"lexicon": 1, "id": "com.example.chain", "defs": {"main": record, "node": node}}

    class SlowCatalog(Catalog):
        def lookup(self, ref: str) -> dict[str, Any]:
            time.sleep(0.02)
            return super().lookup(ref)

    validator = Validator(SlowCatalog({"com.example.chain": document}))
    value = {"$type": "com.example.chain", "next": {"next": {}}}
    with ThreadPoolExecutor(4) as pool:
        checks = [pool.submit(validator.record, "com.example.chain", value) for _ in range(8)]
    assert [check.result() for check in checks] == [None] * 8


def test_a_reference_into_the_void_is_found_on_first_use() -> None:
    main = {"type": "record", "key": "any", "record": {"type": "object", "properties": {}}}
    main["record"]["properties"] = {"a": {"type": "ref", "ref": "com.example.void"}}  # type: ignore[index]
    document = {"lexicon": 1, "id": "com.example.lost", "defs": {"main": main}}
    validator = Validator(Catalog({"com.example.lost": document}))
    for _ in range(2):
        with pytest.raises(UnknownLexicon, match="com.example.void"):
            validator.record("com.example.lost", {"$type": "com.example.lost"})


def test_values_that_were_parsed_before_are_not_parsed_again(validator: Validator) -> None:
    like = {
        "$type": "app.bsky.feed.like",
        "subject": {"uri": AtUri.unchecked("trusted"), "cid": str(BLOCK)},
        "createdAt": NOW,
    }
    validator.record("app.bsky.feed.like", like)


def test_a_post_is_checked_in_microseconds(validator: Validator) -> None:
    record = post(langs=["en"])
    best = 1.0
    for _ in range(5):
        start = time.thread_time()
        for _ in range(1000):
            validator.record(POST, record)
        best = min(best, (time.thread_time() - start) / 1000)
    assert best < 50e-6
