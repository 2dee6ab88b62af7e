"""Accounts whose DID is a name move to a reference PDS and back, by command.

The reference believes nobody about a did:web: it asks DNS for the name and the name for its
document, by HTTPS at port 443. So all this is in a network of its own, where names are the test's.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest

from appliance.atproto import jwt
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.syntax import JsonObject
from appliance.moving.command import NOT_FINISHED
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, join, sign_in, soon
from tests.support.held import blobs, is_signed_by, live, records
from tests.support.moving import hearth
from tests.support.named_world import NamedWorld, named_world, own_network
from tests.support.node import ReferencePds, node
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.namespaces]

POSTS = 30
PICTURES = 6
CREATE = "com.atproto.server.createAccount"
RECOMMENDED = "com.atproto.identity.getRecommendedDidCredentials"
DOCUMENT = "/.well-known/did.json"
HANDLE_PROOF = "/.well-known/atproto-did"


@dataclass
class World:
    """Our network (`*.smiths.family`), a reference PDS (`*.there.social`), and the names around."""

    http: aiohttp.ClientSession
    folder: Path
    names: NamedWorld
    ours: Appliance
    there: ReferencePds

    def operator(self, base: str) -> Operator:
        return Operator(self.http, base, self.ours.operator_token)

    async def document(self, did: str) -> DidDocument:
        """Read a document as the world reads it."""
        name = did.removeprefix("did:web:")
        if (name, DOCUMENT) in self.names.pages:
            return DidDocument.parse(orjson.loads(self.names.pages[name, DOCUMENT]))
        url = self.names.servers[name]
        async with self.http.get(url + DOCUMENT, headers={"Host": name}) as answer:
            return DidDocument.parse(await answer.json())

    async def lives(self, member: Member, at: str) -> None:
        """See that the document, and the newest commit there, agree on the key."""
        document = await self.document(member.did)
        assert (document.pds, document.handle) == (at, member.handle)
        assert document.signing_key is not None
        assert await is_signed_by(self.http, at, member.did, document.signing_key)
        found = await member.get("com.atproto.identity.resolveHandle", handle=member.handle)
        assert found["did"] == member.did


@pytest.fixture
def apart() -> Iterator[None]:
    node()  # may have to be fetched, from a network that is not ours alone
    with own_network():
        yield


@pytest.fixture
async def world(apart: None, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        certified = ("*.smiths.family", "*.there.social", "*.own.name")
        names = await stack.enter_async_context(named_world(tmp_path, *certified))
        port = free_port()
        given = ["--handle-domain", ".smiths.family", "--crawl", f"http://localhost:{port}"]
        ours = Appliance(*given, data=tmp_path / "ours", inside=names.inside, env=names.env)
        stack.callback(ours.finish)
        there = ReferencePds(
            ours.plc,
            tmp_path / "there",
            port,
            None,
            *("--handle-domain", ".there.social"),
            inside=names.inside,
            env=names.env,
        )
        stack.callback(there.stop)
        yield World(http, tmp_path, names, ours, there)


async def at_home(world: World, name: str) -> Member:
    """Open an account here whose DID is a name of ours."""
    world.names.add(f"{name}.smiths.family", world.ours.pds)
    world.names.add(f"{name}.there.social", world.there.pds)
    opened = await world.operator(world.ours.pds).post(
        "internal.hearth.pds.openWebAccount",
        handle=f"{name}.smiths.family",
        email=f"{name}@mail.test",
        password=PASSWORD,
    )
    assert opened["did"] == f"did:web:{name}.smiths.family"
    return await sign_in(world.http, world.ours.pds, opened["did"])


def document_of(did: str, pds: str, did_key: str) -> str:
    """Write a document as its owner would, by hand."""
    written: JsonObject = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "alsoKnownAs": [f"at://{did.removeprefix('did:web:')}"],
        "verificationMethod": [
            {
                "id": f"{did}#atproto",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": did_key.removeprefix("did:key:"),
            }
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": pds,
            }
        ],
    }
    return orjson.dumps(written).decode()


async def with_a_name_of_their_own(world: World, name: str) -> Member:
    """Open an account here for somebody with a web server, who vouches with the name's key."""
    key, host = PrivateKey.generate("p256"), f"{name}.own.name"
    did = f"did:web:{host}"
    world.names.add(host)
    world.names.pages[host, HANDLE_PROOF] = did
    world.names.pages[host, DOCUMENT] = document_of(did, world.ours.pds, key.public.did_key)
    about = await Client(world.http, world.ours.pds).get("com.atproto.server.describeServer")
    claims: JsonObject = {"iss": did, "aud": about["did"], "lxm": CREATE}
    vouched = jwt.encode_es(key, {**claims, "exp": int(time.time()) + 60})
    opened = await Client(world.http, world.ours.pds, vouched).post(
        CREATE, did=did, handle=host, email=f"{name}@mail.test", password=PASSWORD
    )
    member = Member(world.http, world.ours.pds, opened)
    await obey(world, member)
    await member.post("com.atproto.server.activateAccount")
    return member


async def obey(world: World, member: Member) -> None:
    """Have the document at the member's own web server say what their PDS recommends."""
    wanted = await member.get(RECOMMENDED)
    endpoint = wanted["services"]["atproto_pds"]["endpoint"]
    key = wanted["verificationMethods"]["atproto"]
    host = member.did.removeprefix("did:web:")
    world.names.pages[host, DOCUMENT] = document_of(member.did, endpoint, key)


async def followed(world: World, member: Member) -> Member:
    """Have somebody follow a member, who posts."""
    fan = await join(world.http, world.ours.pds, handle=f"fan{len(member.did)}.smiths.family")
    await fan.follow(member)
    await live(member, POSTS, PICTURES)
    await counts(fan, member, POSTS)
    return fan


async def counts(fan: Member, member: Member, posts: int) -> None:
    """Wait until all posts are seen, under the handle that is the member's."""

    async def seen() -> tuple[str, int, int]:
        profile = await fan.profile(member)
        return profile["handle"], profile["postsCount"], profile["followersCount"]

    await soon(seen, lambda found: found == (member.handle, posts, 1))


@dataclass(frozen=True)
class Held:
    """What a server holds of an account: the root of the tree, the records, the blobs."""

    root: Cid
    records: dict[str, Cid]
    blobs: list[str]


async def held(world: World, did: str, base: str) -> Held:
    root, found = await records(world.http, base, did)
    return Held(root, found, await blobs(world.http, base, did))


async def goes_on(world: World, fan: Member, base: str, did: str, posts: int) -> Member:
    """Sign in at the new server and write; followers see it, and all of before."""
    member = await sign_in(world.http, base, did)
    await member.write_post(f"from {base}")
    await world.lives(member, base)
    # What another host says of an account is looked up once a minute; a move takes less.
    relay = world.operator(world.ours.relay)
    await relay.post("internal.hearth.relay.repairAccount", did=did)
    await counts(fan, member, posts)
    return member


def moving_out(world: World, did: str) -> list[str]:
    order = ["move-out", did, "--to", world.there.pds, "--new-password", PASSWORD]
    return [*order, "--folder", str(world.folder / "out")]


def moving_in(world: World, member: Member) -> list[str]:
    password = world.folder / "password"
    password.write_text(PASSWORD)
    order = ["move-in", member.handle, "--from", world.there.pds, "--new-password", PASSWORD]
    return [*order, "--folder", str(world.folder / "in"), "--password-file", str(password)]


async def test_who_has_a_name_of_ours_moves_to_a_reference_pds_and_back(world: World) -> None:
    zoe = await at_home(world, "zoe")
    fan = await followed(world, zoe)
    before = await held(world, zoe.did, world.ours.pds)
    assert (len(before.records), len(before.blobs)) == (POSTS, PICTURES)
    status, _ = await hearth(world.ours, *moving_out(world, zoe.did))
    assert status == 0
    assert ("zoe.smiths.family", DOCUMENT) in world.names.asked
    assert await held(world, zoe.did, world.there.pds) == before
    there = await goes_on(world, fan, world.there.pds, zoe.did, POSTS + 1)
    assert there.handle == "zoe.there.social"
    # Their name goes on leading there when nothing of theirs is left here.
    operator = world.operator(world.ours.pds)
    await operator.post("com.atproto.admin.deleteAccount", did=zoe.did)
    there = await goes_on(world, fan, world.there.pds, zoe.did, POSTS + 2)
    before = await held(world, zoe.did, world.there.pds)

    status, _ = await hearth(world.ours, *moving_in(world, there))
    assert status == 0
    assert await held(world, zoe.did, world.ours.pds) == before
    back = await goes_on(world, fan, world.ours.pds, zoe.did, POSTS + 3)
    assert back.handle == "zoe.smiths.family"


async def test_who_brought_a_name_moves_to_a_reference_pds_and_back(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    yve = await with_a_name_of_their_own(world, "yve")
    fan = await followed(world, yve)
    before = await held(world, yve.did, world.ours.pds)
    status, _ = await hearth(world.ours, *moving_out(world, yve.did))
    said = capsys.readouterr().err
    assert (status, "a document that only its owner can change" in said) == (NOT_FINISHED, True)
    assert world.there.pds in said
    await obey(world, await sign_in(world.http, world.there.pds, yve.did))
    status, _ = await hearth(world.ours, *moving_out(world, yve.did))
    assert status == 0
    assert await held(world, yve.did, world.there.pds) == before
    there = await goes_on(world, fan, world.there.pds, yve.did, POSTS + 1)
    assert there.handle == "yve.own.name"
    before = await held(world, yve.did, world.there.pds)

    assert (await hearth(world.ours, *moving_in(world, there)))[0] == NOT_FINISHED
    await obey(world, await sign_in(world.http, world.ours.pds, yve.did))
    status, _ = await hearth(world.ours, *moving_in(world, there))
    assert status == 0
    assert await held(world, yve.did, world.ours.pds) == before
    await goes_on(world, fan, world.ours.pds, yve.did, POSTS + 2)
