"""Accounts whose identity is their name under a domain of ours."""

from typing import Any

from appliance.atproto.car import read_car
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.syntax import Did, Handle
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from tests.support.pds_box import PASSWORD, Answer, Box

OPEN = "internal.hearth.pds.openWebAccount"
DID = Did("did:web:webby.test")


async def opened(box: Box, **changes: Any) -> Answer:
    given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD, **changes}
    return await box.operate("POST", OPEN, **given)


async def document(box: Box, host: str = "webby.test") -> Answer:
    return await box.ask("GET", "/.well-known/did.json", headers={"Host": host})


async def test_a_name_is_an_identity_and_says_so_itself(box: Box) -> None:
    seq = box.pds.event_log.head()
    answer = await opened(box)
    assert answer.json == {"did": DID, "handle": "webby.test"}
    events = [type(event) for event in box.announced(seq)]
    assert events == [IdentityEvent, AccountEvent, CommitEvent, SyncEvent]
    told = (await document(box)).json
    assert (told["id"], told["alsoKnownAs"]) == (DID, ["at://webby.test"])
    assert told["service"][0]["serviceEndpoint"] == box.pds.site.url
    resolved = await box.get("com.atproto.identity.resolveIdentity", identifier="webby.test")
    assert resolved.json == {"did": DID, "handle": "webby.test", "didDoc": told}
    described = await box.get("com.atproto.repo.describeRepo", repo=DID)
    assert described.json["handleIsCorrect"] is True
    archive = await box.get("com.atproto.sync.getRepo", did=DID)
    car = read_car(archive.body)
    key = (await box.pds.resolver.document(DID)).signing_key
    assert key is not None
    assert parse_commit(car.blocks[car.roots[0]]).verify(key)
    assert (await box.log_in("webby.test")).status == 200


async def test_its_document_follows_its_handle_and_ends_with_it(box: Box) -> None:
    await opened(box)
    session = (await box.log_in("webby.test")).json
    rename = "com.atproto.identity.updateHandle"
    assert (await box.post(rename, session["accessJwt"], handle="other.test")).status == 200
    assert (await document(box)).json["alsoKnownAs"] == ["at://other.test"]
    await box.pds.lifecycle.deactivate(DID, None)
    assert (await document(box)).status == 200
    back = await box.post("com.atproto.server.activateAccount", session["accessJwt"])
    assert back.status == 200
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    assert (await document(box)).status == 404


async def test_what_cannot_be_such_a_name_is_refused(box: Box) -> None:
    alice = await box.sign_up()
    assert (await opened(box, handle="name.example.com")).error == "UnsupportedDomain"
    assert (await opened(box, handle=alice.handle)).error == "InvalidRequest"
    assert (await opened(box, email="nonsense")).error == "InvalidRequest"
    asked = await box.post(OPEN, alice.access, handle="x.test", email="x@y.z", password="x")
    assert asked.status in (400, 401)
    await opened(box)
    await box.pds.signup.rename(DID, Handle("other.test"))
    taken = await opened(box, email="second@example.com")
    assert (taken.status, taken.error) == (400, "InvalidRequest")
    # A member with a did:plc has no such document, and strangers have none.
    for host in (alice.handle, "nobody.test", "-.test"):
        assert (await document(box, host)).status == 404, host
    assert (await document(box, "localhost")).json["id"] == "did:web:localhost"


async def test_who_brought_a_name_of_their_own_keeps_their_document(box: Box) -> None:
    given = {"did": "did:web:brought.test", "handle": "brought.test", "email": "b@example.com"}
    nsid = "internal.hearth.pds.receiveAccount"
    assert (await box.operate("POST", nsid, **given, password=PASSWORD)).status == 200
    assert box.pds.resolver.own(Did("did:web:brought.test")) is None
    assert (await document(box, "brought.test")).status == 404


async def test_other_parts_of_the_house_ask_us_for_the_document(box: Box) -> None:
    await opened(box)
    home = box.pds.settings.paths.address("pds")
    http = box.pds.proxy._http
    beside = IdentityResolver(http, box.directory_url, box.clock.now, (".test",), (home,))
    found = await beside.resolve(DID)
    assert (found.handle, found.document.pds) == ("webby.test", box.pds.site.url)
