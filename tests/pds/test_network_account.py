"""The network's own account: opened once, its document names the network's services."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from tests.support.pds_box import Answer, Box, open_box

OPEN = "internal.hearth.pds.openNetworkAccount"
PUT = "internal.hearth.pds.putNetworkRecord"
SERVICE = {
    "id": "atproto_labeler",
    "type": "AtprotoLabeler",
    "endpoint": "http://localhost:2600",
}


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path, network_own_name="network") as opened:
        yield opened


async def _open(box: Box, *services: Any, key: str | None = None) -> Answer:
    keys = [] if key is None else [{"id": "atproto_label", "didKey": key}]
    return await box.operate("POST", OPEN, services=list(services), keys=keys)


async def test_it_is_opened_once_and_named_by_its_handle(box: Box) -> None:
    first = await _open(box)
    assert first.status == 200, first
    assert first.json["handle"] == "network.test"
    assert (await _open(box)).json == first.json
    found = await box.operate("GET", "internal.hearth.pds.getNetworkAccount")
    assert found.json == first.json


async def test_before_that_there_is_none(box: Box) -> None:
    found = await box.operate("GET", "internal.hearth.pds.getNetworkAccount")
    assert found.error == "AccountNotFound"
    written = await box.operate("POST", PUT, collection="app.bsky.labeler.service", rkey="self")
    assert written.error == "AccountNotFound"


async def test_its_document_names_services_and_keys_beside_those_it_has(box: Box) -> None:
    key = PrivateKey.generate().public.did_key
    did = (await _open(box, SERVICE, key=key)).json["did"]
    await _open(box, {"id": "bsky_fg", "type": "BskyFeedGenerator", "endpoint": "http://l:1"})
    document = await box.pds.resolver.document(Did(did), fresh=True)
    assert document.service("#atproto_labeler") == SERVICE["endpoint"]
    assert document.service("#bsky_fg") == "http://l:1"
    assert document.pds == "http://localhost:2583"
    methods = {one["id"].rpartition("#")[2]: one for one in document.raw["verificationMethod"]}
    assert methods["atproto_label"]["publicKeyMultibase"] == key.removeprefix("did:key:")
    assert "atproto" in methods


async def test_a_change_of_its_document_is_announced_and_nothing_else_is(box: Box) -> None:
    await _open(box, SERVICE)
    before = box.pds.event_log.head()
    await _open(box, SERVICE)
    assert box.pds.event_log.head() == before
    await _open(box, {**SERVICE, "endpoint": "http://localhost:2601"})
    [event] = box.announced(before)
    assert event.kind == "identity"


async def test_an_account_left_behind_by_a_crash_is_taken_up(box: Box) -> None:
    first = (await _open(box)).json
    await box.pds.accounts._db.write(lambda conn: conn.execute("DELETE FROM network_account"))
    assert (await _open(box)).json == first


async def test_its_records_are_written_measured_and_deleted(box: Box) -> None:
    did = (await _open(box)).json["did"]
    place = {"collection": "app.bsky.labeler.service", "rkey": "self"}
    record = {
        "$type": "app.bsky.labeler.service",
        "policies": {"labelValues": ["spam"]},
        "createdAt": "2026-01-01T00:00:00Z",
    }
    written = await box.operate("POST", PUT, **place, record=record)
    assert written.json == {"uri": f"at://{did}/app.bsky.labeler.service/self"}
    read = {"repo": did, **place}
    assert (await box.get("com.atproto.repo.getRecord", **read)).json["value"] == record
    bad = await box.operate("POST", PUT, **place, record={**record, "policies": 7})
    assert bad.error == "InvalidRequest"
    for _ in range(2):
        assert (await box.operate("POST", PUT, **place)).status == 200
    assert (await box.get("com.atproto.repo.getRecord", **read)).error == "RecordNotFound"


async def test_only_the_operator_writes_in_its_name(box: Box) -> None:
    await _open(box)
    alice = await box.sign_up()
    body = {"collection": "app.bsky.feed.post", "rkey": "self"}
    for nsid, given in ((OPEN, {"services": [], "keys": []}), (PUT, body)):
        answer = await box.post(nsid, alice.access, **given)
        assert answer.status == 401


async def test_a_token_is_signed_for_members_alone(box: Box) -> None:
    alice = await box.sign_up()
    given = {"aud": "did:web:feeds.example", "lxm": "app.bsky.feed.getFeedSkeleton"}
    nsid = "internal.hearth.pds.vouch"
    assert (await box.operate("POST", nsid, did=alice.did, **given)).json["token"].count(".") == 2
    stranger = await box.operate("POST", nsid, did="did:web:stranger.example", **given)
    assert stranger.error == "AccountNotFound"
    assert (await box.post(nsid, alice.access, did=alice.did, **given)).status == 401


async def test_a_report_to_the_networks_labeler_is_one_to_us(box: Box) -> None:
    did = (await _open(box, SERVICE)).json["did"]
    alice = await box.sign_up()
    answer = await box.ask(
        "POST",
        "/xrpc/com.atproto.moderation.createReport",
        token=alice.access,
        headers={"atproto-proxy": f"{did}#atproto_labeler"},
        json={
            "reasonType": "com.atproto.moderation.defs#reasonSpam",
            "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did},
        },
    )
    assert answer.status == 200, answer
    assert len(await box.pds.reports.page(None, 10)) == 1


async def test_a_report_by_a_service_token_is_not_passed_on_in_the_name_of_who_made_it(
    box: Box,
) -> None:
    did = (await _open(box, SERVICE)).json["did"]
    alice = await box.sign_up()
    nsid = "com.atproto.moderation.createReport"
    answer = await box.ask(
        "POST",
        f"/xrpc/{nsid}",
        token=box.pds.proxy.service_token(alice.did, did, nsid),
        headers={"atproto-proxy": f"{alice.did}#atproto_labeler"},
        json={
            "reasonType": "com.atproto.moderation.defs#reasonSpam",
            "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": alice.did},
        },
    )
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert "for this network" in answer.json["message"]


async def test_members_listen_to_its_labels_until_they_choose_otherwise(box: Box) -> None:
    alice = await box.sign_up()
    nsid = "app.bsky.actor.getPreferences"
    assert (await box.get(nsid, alice.access)).json == {"preferences": []}
    did = (await _open(box, SERVICE)).json["did"]
    listens = {"$type": "app.bsky.actor.defs#labelersPref", "labelers": [{"did": did}]}
    assert (await box.get(nsid, alice.access)).json == {"preferences": [listens]}
    put = "app.bsky.actor.putPreferences"
    assert (await box.post(put, alice.access, preferences=[])).status == 200
    assert (await box.get(nsid, alice.access)).json == {"preferences": []}


async def test_its_services_are_reached_inside_whatever_their_public_address(box: Box) -> None:
    here = {**SERVICE, "endpoint": box.pds.site.url}
    feeds = {"id": "bsky_fg", "type": "BskyFeedGenerator", "endpoint": "https://feeds.example"}
    did = (await _open(box, here, feeds)).json["did"]
    target = await box.pds.proxy.target(f"{did}#atproto_labeler")
    assert target.address == box.pds.settings.paths.address("labeler")
    assert target.did == did
    elsewhere = await box.pds.proxy.target(f"{did}#bsky_fg")
    assert elsewhere.address == "https://feeds.example"
