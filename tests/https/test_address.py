"""A public address that changes is told to the DNS."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.https.acme import AcmeRefused
from appliance.https.address import (
    SECONDS_TO_TELL_AGAIN,
    SECONDS_TO_TELL_BLINDLY,
    AddressKeeper,
    Asking,
    ByUrl,
    NotTold,
    address_keeper,
)
from appliance.settings import defaults
from appliance.upkeep.address_journal import AddressJournal, check_address
from tests.support.updated_dns import KEY, name_server

NAME = "smith.example"


class Service:
    """Tells callers an address, and is told some."""

    def __init__(self) -> None:
        self.ip = "93.184.216.34"
        self.answers = (200, "good")
        self.calls: list[tuple[str, str]] = []

    def app(self) -> web.Application:
        async def ask(_request: web.Request) -> web.Response:
            return web.Response(text=f"{self.ip}\n")

        async def update(request: web.Request) -> web.Response:
            login = request.headers.get("Authorization", "")
            self.calls.append((request.rel_url.raw_path_qs, login))
            return web.Response(status=self.answers[0], text=self.answers[1])

        app = web.Application()
        app.router.add_get("/ip", ask)
        app.router.add_get("/update", update)
        return app


class Scene:
    """A network at home whose address is followed."""

    def __init__(self, data: Path, service: Service, http: HttpClient, base: str) -> None:
        self.data = data
        self.service = service
        self.http = http
        self.base = base
        self.time = 1_800_000_000.0
        self.ipv6 = ""
        self.keeper = self.following("/ip")

    def following(self, page: str) -> AddressKeeper:
        own = self.base.replace("http://", "http://ann:s%20cret@")
        url = ByUrl(self.http, own + "/update?hostname={name}&myip={ip}&ip6={ip6}", NAME)
        asking = Asking(self.http, page and self.base + page, lambda: self.ipv6)
        return AddressKeeper(self.data, asking, url, lambda: self.time)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    service = Service()
    policy = OutboundPolicy(allow_loopback=True)
    async with TestServer(service.app()) as server, HttpClient.open(policy) as http:
        yield Scene(tmp_path, service, http, str(server.make_url("")).rstrip("/"))


async def test_an_address_is_told_when_it_is_new_and_once_a_day(scene: Scene) -> None:
    await scene.keeper.look()
    login = "Basic YW5uOnMgY3JldA=="
    first = (f"/update?hostname={NAME}&myip=93.184.216.34&ip6=", login)
    assert scene.service.calls == [first]
    scene.time += SECONDS_TO_TELL_AGAIN - 1
    await scene.keeper.look()
    assert len(scene.service.calls) == 1
    scene.service.ip, scene.ipv6 = "93.184.216.35", "2606:2800:220:1::2"
    await scene.keeper.look()
    assert scene.service.calls[1][0].endswith("&myip=93.184.216.35&ip6=2606:2800:220:1::2")
    scene.time += SECONDS_TO_TELL_AGAIN
    await scene.keeper.look()
    assert len(scene.service.calls) == 3
    [found] = check_address(scene.data, follow="url")
    assert found.level == "good"


async def test_a_service_that_sees_the_address_by_itself_is_called_each_hour(scene: Scene) -> None:
    keeper = scene.following("")
    await keeper.look()
    await keeper.look()
    assert [path for path, _ in scene.service.calls] == [f"/update?hostname={NAME}&myip=&ip6="]
    scene.time += SECONDS_TO_TELL_BLINDLY
    await keeper.look()
    assert len(scene.service.calls) == 2


@pytest.mark.parametrize(
    "answer", [(200, "badauth"), (200, "KO"), (200, "nohost x"), (401, "no"), (500, "")]
)
async def test_what_was_not_heard_is_told_and_tried_again(
    scene: Scene, answer: tuple[int, str]
) -> None:
    scene.service.answers = answer
    await scene.keeper.look()
    [found] = check_address(scene.data, follow="url")
    assert (found.level, found.cause) == ("bad", "address-untold")
    assert "cret" not in found.seen
    scene.service.answers = (200, "OK")
    await scene.keeper.look()
    assert len(scene.service.calls) == 2
    assert AddressJournal.read(scene.data).failure == ""


@pytest.mark.parametrize("said", ["192.168.1.1", "hello", "", "2606:2800:220:1::2", "127.0.0.1"])
async def test_only_a_public_address_is_believed(scene: Scene, said: str) -> None:
    scene.service.ip = said
    await scene.keeper.look()
    assert scene.service.calls == []
    assert "no public IPv4 address" in AddressJournal.read(scene.data).failure


async def test_a_service_that_is_away_is_told_without_its_secrets(scene: Scene) -> None:
    async with TestServer(web.Application()) as gone:
        place = str(gone.make_url("/update?token=secret"))
    with pytest.raises(NotTold) as told:
        await ByUrl(scene.http, place, NAME)("1.2.3.4", "")
    assert "secret" not in str(told.value)


async def test_a_dns_server_is_told_of_our_names_and_of_those_of_handles(scene: Scene) -> None:
    scene.data.joinpath("secrets").mkdir()
    scene.data.joinpath("secrets/dns-key").write_text(KEY)
    async with name_server() as (own, place):
        settings = defaults("public", scene.data).with_values(
            {
                "pds.hostname": NAME,
                "network.handle_domains": (f".{NAME}",),
                "https.dns_server": place,
                "https.dns_zone": "example",
                "https.dns_key": "hearth",
                "address.follow": "dns",
                "address.ask": "https://x.example",
            }
        )
        keeper = address_keeper(settings, scene.http)
        await keeper.tell("93.184.216.34", "")
        assert own.records == [(NAME, "93.184.216.34"), (f"*.{NAME}", "93.184.216.34")]
        with pytest.raises(NotTold):
            await keeper.tell("", "")


def test_nothing_is_told_of_an_address_that_nobody_follows(tmp_path: Path) -> None:
    assert [*check_address(tmp_path, follow="url")] == []
    AddressJournal(failure="x").write(tmp_path)
    assert [*check_address(tmp_path, follow="off")] == []
    (tmp_path / "address.json").write_text("[]")
    assert AddressJournal.read(tmp_path) == AddressJournal()


async def test_a_secret_that_lacks_is_told_and_stops_nothing(scene: Scene) -> None:
    values = {"https.dns_server": "127.0.0.1", "https.dns_zone": "example", "https.dns_key": "h"}
    for follow, lacks in (("url", "dynamic-dns-url"), ("dns", "dns-key")):
        settings = defaults("public", scene.data).with_values(
            {**values, "pds.hostname": NAME, "address.follow": follow}
        )
        with pytest.raises((NotTold, AcmeRefused), match=lacks):
            await address_keeper(settings, scene.http).tell("93.184.216.34", "")
