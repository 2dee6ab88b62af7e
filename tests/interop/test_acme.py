"""Certificates from Pebble, the test authority of Let's Encrypt: the doors, and a whole network."""

import ssl
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest

from appliance.base.addresses import OutboundPolicy
from appliance.https.opening import Https
from appliance.settings_file import save
from appliance.upkeep.again import wish
from tests.support.https_house import NAME, HttpsHouse, house
from tests.support.in_service import Here, hearth, new_member
from tests.support.pebble import Pebble
from tests.support.ports import free_port
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.go]

BAD_NONCES = 40
HOOK = """#!{python}
import json, sys, urllib.request
verb, name, value = sys.argv[1:]
command = "set-txt" if verb == "add" else "clear-txt"
body = json.dumps({{"host": name + ".", "value": value}}).encode()
urllib.request.urlopen("{dns}/" + command, body, timeout=60).read()
"""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> HttpsHouse:
    """Ports, where Pebble looks."""
    return house(tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def pebble(doors: HttpsHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    folder = tmp_path_factory.mktemp("pebble")
    with Pebble(folder, doors.plain_port, doors.port, BAD_NONCES) as running:
        yield running


@pytest.fixture
def small(doors: HttpsHouse, tmp_path: Path) -> HttpsHouse:
    """A network at those ports, with nothing yet."""
    return HttpsHouse(tmp_path, doors.port, doors.plain_port)


def opened(
    small: HttpsHouse, pebble: Pebble, **https: object
) -> AbstractAsyncContextManager[Https]:
    policy = OutboundPolicy(allow_loopback=True, pins={"localhost": pebble.pin})
    return small.open(small.settings(pebble.directory, **https), policy)


async def test_a_certificate_is_got_by_http_and_handles_get_theirs_when_asked_for(
    small: HttpsHouse, pebble: Pebble
) -> None:
    small.members = {f"ann.{NAME}"}
    async with opened(small, pebble):
        await small.until_had()
        await small.until_had_by_asking(f"ann.{NAME}")
        stranger = await small.shown(f"bob.{NAME}")
        assert small.names(stranger) == (NAME,)
    assert set(small.journal().names) == {NAME, f"ann.{NAME}"}


async def test_a_certificate_is_got_by_tls_alone(small: HttpsHouse, pebble: Pebble) -> None:
    async with opened(small, pebble, plain_port=0):
        await small.until_had()


async def test_a_renewed_certificate_is_shown_to_whoever_comes_next(
    small: HttpsHouse, pebble: Pebble
) -> None:
    async with opened(small, pebble) as https:
        before = await small.until_had()
        await https.renew(NAME)
        after = await small.shown(NAME)
        assert after.serial_number != before.serial_number
    async with opened(small, pebble):
        kept = await small.shown(NAME)
        assert kept.serial_number == after.serial_number


async def test_what_the_authority_saw_is_told_and_tried_again(
    small: HttpsHouse, pebble: Pebble
) -> None:
    await pebble.tell_dns("set-default-ipv4", ip="")
    try:
        async with opened(small, pebble):
            assert await small.until_failed() == "connection"
            standing = small.journal().of(NAME)
            assert NAME in standing.failure
            assert standing.next_at > standing.tried_at
            await pebble.tell_dns("set-default-ipv4", ip="127.0.0.1")
            wish(small.data)
            await small.until_had()
            assert not small.journal().of(NAME).failure
    finally:
        await pebble.tell_dns("set-default-ipv4", ip="127.0.0.1")


async def test_a_certificate_with_a_star_is_got_by_dns(small: HttpsHouse, pebble: Pebble) -> None:
    hook = small.data / "hook"
    hook.write_text(HOOK.format(python=sys.executable, dns=pebble.dns_management))
    hook.chmod(0o755)
    star, ann = f"*.{NAME}", f"ann.{NAME}"
    async with opened(small, pebble, plain_port=0, dns_hook=str(hook), dns_wait=0):
        await until(lambda: small.journal().of(star).ends)
        assert small.names(await small.shown(ann)) == (star,)
        await small.until_had()
    assert set(small.journal().names) == {NAME, star}
    assert small.asked == []


async def test_a_whole_network_gets_its_certificates_by_itself(
    small: HttpsHouse, pebble: Pebble
) -> None:
    settings = small.settings(pebble.directory)
    values: dict[str, object] = {
        "admin.port": free_port(),
        "door.port": 0,
        "dev.allow_loopback": True,
    }
    values |= {"directory.enabled": True, "pds.plc_url": "", "pds.resolve_lexicons": False}
    save(settings.with_values(values))
    trust = {"SSL_CERT_FILE": str(pebble.root)}
    with hearth(small.data, trust):
        await small.until_had()
        context = ssl.create_default_context(cadata=await pebble.signs_with())
        connector = aiohttp.TCPConnector(resolver=Here(), ssl=context)
        async with aiohttp.ClientSession(connector=connector) as http:
            url = f"https://{NAME}:{small.port}"
            async with http.get(f"{url}/xrpc/com.atproto.server.describeServer") as answer:
                assert (await answer.json())["did"] == f"did:web:{NAME}"
            did = await new_member(http, url, small.data, f"ann.{NAME}")
            own = f"https://ann.{NAME}:{small.port}/.well-known/atproto-did"
            async with http.get(own) as answer:
                assert await answer.text() == did
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await http.get(own.replace("ann", "bob"))
            plain = f"http://ann.{NAME}:{small.plain_port}/.well-known/atproto-did"
            async with http.get(plain) as answer:
                assert (str(answer.url), await answer.text()) == (own, did)
