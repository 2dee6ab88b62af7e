"""Who signs the change of a DID, and what is said where nobody can."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.service_auth import mint
from appliance.moving.command import NOT_FINISHED
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, join
from tests.support.moving import hearth, mailed_code

CREATE = "com.atproto.server.createAccount"
RECOMMENDED = "com.atproto.identity.getRecommendedDidCredentials"


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    return str(path)


def order(network: Appliance, who: str, folder: Path, password: str) -> list[str]:
    said = ["move-in", who, "--from", network.pds, "--folder", str(folder / "move")]
    return [*said, "--password-file", password, "--new-password", PASSWORD]


async def directory(http: aiohttp.ClientSession, network: Appliance, did: str) -> Any:
    async with http.get(f"{network.plc}/{did}/data") as answer:
        return await answer.json()


async def test_a_recovery_key_signs_without_a_code_and_stays_the_first(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    password: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, other = PrivateKey.generate("p256"), PrivateKey.generate()
    ann = await join(http, network.pds, "ann", recoveryKey=key.public.did_key)
    old = (await directory(http, network, ann.did))["rotationKeys"]
    file = tmp_path / "key"
    given = [*order(network, ann.handle, tmp_path, password), "--recovery-key", str(file)]

    assert (await hearth(second, *given))[0] == 1
    assert "No such file" in capsys.readouterr().err
    file.write_text(other.to_bytes().hex())
    assert (await hearth(second, *given))[0] == 1
    assert f"the recovery key is {other.public.did_key}" in capsys.readouterr().err
    file.write_text(secret_multikey(key))
    assert (await hearth(second, *given))[0] == 0
    new = (await directory(http, network, ann.did))["rotationKeys"]
    assert (new[0], len(new)) == (key.public.did_key, 2)
    assert new[1] not in old


def secret_multikey(key: PrivateKey) -> str:
    """Write a private key on P-256 as pages and tools print it."""
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(b"\x86\x26" + key.to_bytes()), ""
    while number:
        number, value = divmod(number, 58)
        text = letters[value] + text
    return f"z{text}"


async def test_after_a_wrong_code_another_one_is_mailed(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    password: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = await join(http, network.pds, "ann")
    given = order(network, ann.handle, tmp_path, password)
    assert (await hearth(second, *given))[0] == NOT_FINISHED
    first = await mailed_code(http, network, ann.did)
    assert (await hearth(second, *given, "--code", "AAAAA-AAAAA"))[0] == 1
    assert "did not sign: InvalidToken" in capsys.readouterr().err
    assert (await hearth(second, *given))[0] == NOT_FINISHED
    code = await mailed_code(http, network, ann.did)
    assert code != first
    assert (await hearth(second, *given, "--code", code))[0] == 0


async def test_a_folder_brought_in_waits_where_nobody_here_can_sign(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = await join(http, network.pds, "ann")
    await ann.write_post("hello")
    folder = str(tmp_path / "out")
    assert (await hearth(network, "export", ann.handle, folder))[0] == 0
    handle = ann.handle.replace(".test", ".second.test")
    assert (await hearth(second, "import", folder, "--handle", handle))[0] == NOT_FINISHED
    told = capsys.readouterr().err
    assert "nobody here can sign" in told
    assert "--recovery-key FILE" in told
    status = await Client(http, second.pds).get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert (status["active"], status["status"]) == (False, "deactivated")
    # Deleted before it ever was active, it is brought in from the beginning.
    operator = Operator(http, second.pds, second.operator_token)
    await operator.post("com.atproto.admin.deleteAccount", did=ann.did)
    assert (await hearth(second, "import", folder, "--handle", handle))[0] == NOT_FINISHED
    head = await operator.get("com.atproto.sync.getLatestCommit", did=ann.did)
    assert head == await Client(http, network.pds).get(
        "com.atproto.sync.getLatestCommit", did=ann.did
    )


@dataclass
class OwnDomain:
    """A domain with the document of its did:web, which only its owner changes."""

    key: PrivateKey
    url: str = ""
    says: dict[str, Any] = field(default_factory=dict)

    @property
    def did(self) -> Did:
        return Did(f"did:web:localhost%3A{self.url.rpartition(':')[2]}")

    async def document(self, _: web.Request) -> web.Response:
        return web.json_response(self.says)

    def point(self, handle: str, pds: str, key: str) -> None:
        self.says = {
            "id": self.did,
            "alsoKnownAs": [f"at://{handle}"],
            "verificationMethod": [
                {
                    "id": f"{self.did}#atproto",
                    "type": "Multikey",
                    "controller": self.did,
                    "publicKeyMultibase": key.removeprefix("did:key:"),
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


@pytest.fixture
async def domain() -> AsyncIterator[OwnDomain]:
    own = OwnDomain(PrivateKey.generate())
    app = web.Application()
    app.router.add_get("/.well-known/did.json", own.document)
    async with TestServer(app) as server:
        own.url = f"http://localhost:{server.port}"
        yield own


async def enter(http: aiohttp.ClientSession, network: Appliance, own: OwnDomain) -> Member:
    """Bring an account with a did:web to a network, empty, and open it."""
    handle = f"own{own.did.rpartition('A')[2]}.test"
    own.point(handle, "https://pds.example.com", own.key.public.did_key)
    about = await Client(http, network.pds).get("com.atproto.server.describeServer")
    token = mint(own.key, own.did, about["did"], CREATE, time.time())
    fields = {"handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD}
    session = await Client(http, network.pds, token).post(CREATE, did=own.did, **fields)
    member = Member(http, network.pds, session)
    wanted = await member.get(RECOMMENDED)
    own.point(handle, network.pds, wanted["verificationMethods"]["atproto"])
    await member.post("com.atproto.server.activateAccount")
    return member


async def test_a_did_web_moves_when_its_owner_has_changed_the_document(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    password: str,
    domain: OwnDomain,
    capsys: pytest.CaptureFixture[str],
) -> None:
    member = await enter(http, network, domain)
    await member.write_post("at home")
    given = order(network, member.handle, tmp_path, password)
    assert (await hearth(second, *given))[0] == NOT_FINISHED
    told = " ".join(capsys.readouterr().err.split())
    assert f"{domain.did} is a document that only its owner can change" in told
    service, key = told.partition("#atproto_pds at ")[2].split(", and the key #atproto ")
    handle = json.loads((tmp_path / "move" / "move-in.journal.json").read_text())
    arrived = handle["done"]["arrival"]["seen"]["handle"]
    domain.point(arrived, service, key.partition(" ")[0])
    assert (await hearth(second, *given))[0] == 0
    status = await Client(http, second.pds).get("com.atproto.sync.getRepoStatus", did=domain.did)
    assert status["active"] is True
