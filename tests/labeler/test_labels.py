"""What is labelled, what is not; what stands; what the world is told of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto import labels
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.labeler.labels import InvalidPattern, span
from tests.support.labeler_house import LabelerHouse, open_house
from tests.support.waiting import until

ANN = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
POST = f"at://{ANN}/app.bsky.feed.post/3kaaaaaaaaa22"
BOB = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LabelerHouse]:
    async with open_house(tmp_path) as opened:
        yield opened


async def test_a_label_is_signed_by_the_key_that_the_networks_document_names(
    house: LabelerHouse,
) -> None:
    await house.put(POST, "spam")
    [frame] = await house.frames(1, cursor=0)
    assert frame.t == "#labels"
    assert isinstance(frame.body, dict)
    [label] = frame.body["labels"]
    did = house.role.identity.did
    assert did is not None
    assert label["src"] == did
    assert label["ver"] == 1
    key = (await house.box.pds.resolver.document(did, fresh=True)).key("#atproto_label")
    assert key is not None
    assert labels.is_signed_by(label, key)
    assert not labels.is_signed_by({**label, "val": "rude"}, key)
    assert not labels.is_signed_by(label, PrivateKey.generate().public)
    assert not labels.is_signed_by({**label, "ver": 2}, key)
    assert not labels.is_signed_by({**label, "sig": "text"}, key)


async def test_the_stream_begins_after_a_cursor_and_goes_on(house: LabelerHouse) -> None:
    await house.put(ANN, "spam")
    await house.put(POST, "rude")
    await house.negate(ANN, "spam")
    frames = await house.frames(3, cursor=0)
    bodies = [frame.body for frame in frames if isinstance(frame.body, dict)]
    assert [body["seq"] for body in bodies] == [1, 2, 3]
    assert [body["labels"][0].get("neg") for body in bodies] == [None, None, True]
    [last] = await house.frames(1, cursor=2)
    assert last == frames[2]
    [error] = await house.frames(1, cursor=99)
    assert error.body == {"error": "FutureCursor", "message": "Cursor in the future."}


async def test_what_is_taken_back_stands_no_longer_and_can_be_put_again(
    house: LabelerHouse,
) -> None:
    first = await house.put(ANN, "spam")
    assert (await house.query(ANN)).json["labels"] == [first]
    negated = await house.negate(ANN, "spam")
    assert negated["cts"] > first["cts"]
    assert (await house.query(ANN)).json == {"labels": []}
    again = await house.put(ANN, "spam")
    assert again["cts"] > negated["cts"]
    assert (await house.query(ANN)).json["labels"] == [again]
    twice = await house.operate("POST", "negateLabel", uri=BOB, val="spam")
    assert twice.error == "LabelNotFound"


async def test_a_label_that_expires_is_gone_in_time(house: LabelerHouse) -> None:
    now = house.box.clock.now_us()
    soon = "2100-01-01T00:00:00.000Z"
    label = await house.put(ANN, "rude", exp=soon)
    assert label["exp"] == soon
    assert len((await house.query(ANN)).json["labels"]) == 1
    past = await house.operate(
        "POST", "putLabel", uri=ANN, val="spam", exp="2001-01-01T00:00:00.000Z"
    )
    assert past.error == "InvalidRequest"
    house.box.clock.advance(200 * 365 * 86_400)
    assert house.box.clock.now_us() > now
    assert (await house.query(ANN)).json == {"labels": []}


async def test_labels_are_asked_for_by_address_by_beginning_and_page_by_page(
    house: LabelerHouse,
) -> None:
    for uri in (ANN, POST, f"{POST}b", BOB):
        await house.put(uri, "spam")

    async def uris(*patterns: str) -> list[str]:
        return [one["uri"] for one in (await house.query(*patterns)).json["labels"]]

    assert await uris(ANN) == [ANN]
    assert await uris(POST) == [POST]
    assert await uris(f"at://{ANN}/*") == [POST, f"{POST}b"]
    assert await uris("*") == [ANN, POST, f"{POST}b", BOB]
    assert await uris(POST, f"at://{ANN}/*", BOB) == [POST, f"{POST}b", BOB]
    assert await uris("%", "_", "' OR 1") == []
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await house.query("*", limit=3, **cursor)).json
        seen += [one["uri"] for one in page["labels"]]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert seen == [ANN, POST, f"{POST}b", BOB]
    assert (await house.query("*", sources=BOB)).json == {"labels": []}
    assert len((await house.query("*", sources=house.role.identity.did)).json["labels"]) == 4


async def test_patterns_and_cursors_that_make_no_sense_are_refused(house: LabelerHouse) -> None:
    assert (await house.query("at://*/x")).error == "InvalidRequest"
    assert (await house.query(*["a"] * 251)).error == "InvalidRequest"
    assert (await house.query("*", cursor="x")).error == "InvalidRequest"
    with pytest.raises(InvalidPattern):
        span("**")


@pytest.mark.parametrize(
    ("uri", "val"),
    [
        (ANN, "no such kind"),
        (ANN, "Spam"),
        (ANN, "unknown-kind"),
        ("at://ann.test/app.bsky.feed.post/3kaaaaaaaaa22", "spam"),
        (f"at://{ANN}", "spam"),
        (f"at://{ANN}/app.bsky.feed.post", "spam"),
        ("https://example.com/", "spam"),
    ],
)
async def test_what_cannot_be_labelled_is_refused(house: LabelerHouse, uri: str, val: str) -> None:
    answer = await house.operate("POST", "putLabel", uri=uri, val=val)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert house.role.log.head() == 0


async def test_only_the_operator_labels(house: LabelerHouse) -> None:
    for name in ("putLabel", "negateLabel", "putDefinition", "deleteDefinition"):
        path = f"/xrpc/internal.hearth.labeler.{name}"
        async with house.client.post(path, json={"uri": ANN, "val": "spam"}) as answer:
            assert answer.status in (400, 401)
    async with house.client.get("/xrpc/internal.hearth.labeler.listLabels") as answer:
        assert answer.status == 401
    assert house.role.log.head() == 0


async def test_a_labeler_that_serves_a_network_from_the_start_is_known_by_its_record(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, network_own_account=True) as house:
        identity = house.role.identity
        await until(lambda: identity.did is not None)
        read = {"repo": identity.did, "collection": "app.bsky.labeler.service", "rkey": "self"}
        record = (await house.box.get("com.atproto.repo.getRecord", **read)).json["value"]
        assert "spam" in record["policies"]["labelValues"]
        definition = {
            "identifier": "cats",
            "severity": "none",
            "blurs": "none",
            "locales": [{"lang": "en", "name": "Cats", "description": "A cat is to be seen."}],
        }
        done = await house.operate("POST", "putDefinition", definition=definition)
        assert done.status == 200, done
        changed = (await house.box.get("com.atproto.repo.getRecord", **read)).json["value"]
        assert definition in changed["policies"]["labelValueDefinitions"]
        assert changed["createdAt"] == record["createdAt"]
        assert (await house.put(ANN, "cats"))["val"] == "cats"
        await house.operate("POST", "deleteDefinition", identifier="cats")
        refused = await house.operate("POST", "putLabel", uri=ANN, val="cats")
        assert refused.error == "InvalidRequest"
        renamed = {**definition, "identifier": "porn"}
        refused = await house.operate("POST", "putDefinition", definition=renamed)
        assert refused.error == "InvalidRequest"


async def test_an_account_that_is_there_is_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        label = await house.put(ANN, "spam")
    async with open_house(tmp_path) as house:
        await until(lambda: house.role.identity.did == Did(label["src"]))
        assert (await house.query(ANN)).json["labels"] == [label]


async def test_what_the_labeler_counts_is_told_to_the_operator(house: LabelerHouse) -> None:
    await house.put(ANN, "spam")
    headers = {"Authorization": house.role.access.header}
    path = "/xrpc/internal.hearth.upkeep.getStatus"
    async with house.client.get(path, headers=headers) as answer:
        status = await answer.json()
    assert status["name"] == "labeler"
    assert status["counts"]["labels"] == 1
    found = await house.operate("GET", "getLabeler")
    assert found.json["did"] == house.role.identity.did
    listed = await house.operate("GET", "listLabels", uri=ANN)
    assert [one["val"] for one in listed.json["labels"]] == ["spam"]


async def test_reports_of_strangers_reach_the_inbox_by_a_token_for_the_network(
    house: LabelerHouse,
) -> None:
    network = (await house.put(ANN, "spam"))["src"]
    ann = await house.box.sign_up("ann")
    given: dict[str, Any] = {"reasonType": "com.atproto.moderation.defs#reasonSpam"}
    token = house.box.pds.proxy.service_token
    nsid = "com.atproto.moderation.createReport"
    for audience, did in ((network, BOB), (f"{network}#atproto_labeler", ann.did)):
        given["subject"] = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        answer = await house.report(token(ann.did, audience, nsid), **given)
        assert answer.json["reportedBy"] == ann.did
    elsewhere = token(ann.did, "did:web:elsewhere.example", nsid)
    other_method = token(ann.did, network, "com.atproto.label.queryLabels")
    for refused in (elsewhere, other_method, ""):
        assert (await house.report(refused, **given)).status == 401
    assert len(await house.box.pds.reports.page(None, 10)) == 2


async def test_while_the_account_cannot_be_opened_it_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Nobody may have such a handle.
    async with open_house(tmp_path, network_own_account=True, network_own_name="a" * 64) as house:
        await until(lambda: caplog.text.count("not known yet") > 1)
        assert [status.failures for status in house.role.workers.status()] == [0]
        refused = await house.operate("POST", "putLabel", uri=ANN, val="spam")
        assert refused.status >= 400


async def test_an_address_asks_for_labels_so_often_and_no_more(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits_enabled=True) as house:
        answers = [(await house.query(ANN)).status for _ in range(302)]
    assert set(answers[:300]) == {200}
    assert answers[301] == 429
