"""A did:web whose document our own server makes is pointed by the command, both ways."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.atproto.syntax import Did, Handle
from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving.identity import Identity, Parties, Powers
from appliance.moving.journal import Journal
from appliance.moving.server import Server
from appliance.moving.trouble import Waiting
from appliance.operator import Operator
from tests.support.pds_box import PASSWORD, Answer, Box, open_box

DID = Did("did:web:webby.test")


class Desk:
    """A server and its operator, as the mover sees them, in this process."""

    def __init__(self, box: Box, session: str) -> None:
        self.url = box.pds.site.url
        self._box = box
        self._session = session

    async def query(self, nsid: str, **params: Any) -> Any:
        return _good(await self._box.get(nsid, self._session, **params))

    async def call(self, nsid: str, **fields: Any) -> Any:
        return _good(await self._box.post(nsid, self._session, **fields))


class House:
    """What the operator may ask."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def query(self, nsid: str, **params: Any) -> Any:
        return _good(await self._box.operate("GET", nsid, **params))


def _good(answer: Answer) -> Any:
    if answer.status != 200:
        raise XrpcError(answer.status, answer.error, str(answer.json["message"]))
    return answer.json


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path / "home") as box:
        yield box


@pytest.fixture
async def there(home: Box, tmp_path: Path) -> AsyncIterator[Box]:
    """Another server, which reads the name's document at the name's own address."""
    async with open_box(
        tmp_path / "there",
        pds_hostname="there.example.com",
        pds_public_url="http://localhost:2584",
        pds_plc_url=home.directory_url,
        network_handle_domains=(".there.test",),
    ) as box:
        box.pds.resolver.own = home.pds.web_identities.document
        yield box


async def desk(box: Box, handle: str) -> Desk:
    return Desk(box, (await box.log_in(handle)).json["accessJwt"])


async def arrived(box: Box, did: Did, handle: str) -> Desk:
    """Open an account for a DID from elsewhere."""
    given = {"did": did, "handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD}
    await box.operate("POST", "internal.hearth.pds.receiveAccount", **given)
    return await desk(box, handle)


def identity(folder: Path, did: Did, ours: Desk, house: Box, target: Desk) -> Identity:
    journal = Journal(folder / f"{target.url[-4:]}.json", "move-out", ("identity",))
    journal.note(did=did)
    parties = Parties(cast(Server, ours), cast(Operator, House(house)), cast(Server, target), None)
    return Identity(parties, cast(Powers, None), journal)


async def test_a_name_is_pointed_away_and_home_again(home: Box, there: Box, tmp_path: Path) -> None:
    given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}
    await home.operate("POST", "internal.hearth.pds.openWebAccount", **given)
    ours, new = await desk(home, "webby.test"), await arrived(there, DID, "webby.there.test")

    out = identity(tmp_path, DID, ours, home, new)
    assert not await out.points_there()
    await out.prepare()
    assert not await out.points_there()
    await out.submit()
    assert await out.points_there()
    document = await there.pds.resolver.document(DID)
    assert (document.pds, document.handle) == (there.pds.site.url, Handle("webby.there.test"))
    assert document.signing_key == there.pds.keys.get(DID).public

    back = identity(tmp_path, DID, ours, home, ours)
    assert not await back.points_there()
    await back.prepare()
    await back.submit()
    assert await back.points_there()
    document = await there.pds.resolver.document(DID)
    assert (document.pds, document.handle) == (home.pds.site.url, Handle("webby.test"))


async def test_a_name_of_somebody_elses_domain_is_its_owners_to_change(
    home: Box, there: Box, tmp_path: Path
) -> None:
    brought = Did("did:web:brought.example.com")
    ours = await arrived(home, brought, "brought.test")
    new = await arrived(there, brought, "brought.there.test")
    with pytest.raises(Waiting, match="only its owner can change"):
        await identity(tmp_path, brought, ours, home, new).prepare()
