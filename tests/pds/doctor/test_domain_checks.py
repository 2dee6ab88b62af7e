"""Domains that run out: what registries say of them, and what they might say."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.base.http import HttpClient, OutboundPolicy
from appliance.pds.doctor.domain_checks import KEPT_SECONDS, DomainChecks, read_rental
from tests.support.way_in import NAME, open_way_in

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


class Registry:
    """Tells of some domains, under the endings .family and .uk."""

    def __init__(self) -> None:
        self.url = ""
        self.services: Any = []
        self.told: dict[str, Any] = {}
        self.asked: list[str] = []

    def stand_at(self, url: str) -> None:
        self.url = url
        self.services = [
            [["org"], ["http://127.0.0.1:9/"]],
            [["family", "uk"], ["http://127.0.0.1:9/", f"{url}/"]],
        ]

    def rents(self, domain: str, days: float, *statuses: str) -> None:
        end = datetime.fromtimestamp(NOW + days * DAY + 60, UTC)
        events = [
            {"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"},
            {"eventAction": "expiration", "eventDate": end.isoformat().replace("+00:00", "Z")},
        ]
        self.told[domain] = {"objectClassName": "domain", "events": events, "status": statuses}

    async def list(self, _: web.Request) -> web.Response:
        self.asked.append("list")
        return web.json_response({"version": "1.0", "services": self.services})

    async def domain(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        if name not in self.told:
            return web.json_response({"errorCode": 404}, status=404)
        return web.Response(
            body=orjson.dumps(self.told[name]), content_type="application/rdap+json"
        )


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    found = Registry()
    app = web.Application()
    app.router.add_get("/list", found.list)
    app.router.add_get("/domain/{name}", found.domain)
    async with TestServer(app) as server:
        found.stand_at(f"http://127.0.0.1:{server.port}")
        yield found


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as client:
        yield client


def checks(http: HttpClient, registry: Registry) -> DomainChecks:
    return DomainChecks(http, f"{registry.url}/list", lambda: NOW)


@pytest.mark.parametrize(
    ("days", "statuses", "level", "seen"),
    [
        (200, (), "good", "it is rented until 2027-06-10"),
        (31, (), "good", "it is rented until 2026-12-23"),
        (29, (), "warn", "it is rented until 2026-12-21, 29 more days"),
        (6, (), "bad", "it is rented until 2026-11-28, 6 more days"),
        (-3, (), "bad", "it ran out on 2026-11-19"),
        (300, ("pending delete",), "bad", "its registry is about to give it up"),
    ],
)
async def test_a_domain_that_runs_out_is_told_in_time(
    http: HttpClient,
    registry: Registry,
    days: float,
    statuses: tuple[str, ...],
    level: str,
    seen: str,
) -> None:
    registry.rents("smiths.family", days, *statuses)
    (finding,) = await checks(http, registry).look(["home.smiths.family", ".smiths.family"])
    assert (finding.subject, finding.level, finding.seen) == (
        "Domain smiths.family",
        level,
        seen,
    )
    assert finding.cause == ("" if level == "good" else "domain-ending")


async def test_the_domain_is_found_below_endings_of_two_parts(
    http: HttpClient, registry: Registry
) -> None:
    registry.rents("smiths.co.uk", 100)
    (finding,) = await checks(http, registry).look(["pds.smiths.co.uk", "ann.smiths.co.uk"])
    assert finding.subject == "Domain smiths.co.uk"
    # The list once, and nothing of what is known by then.
    assert registry.asked == ["list", "co.uk", "smiths.co.uk", "co.uk"]


async def test_registries_are_asked_once_a_day(http: HttpClient, registry: Registry) -> None:
    registry.rents("smiths.family", 100)
    times = iter([NOW, NOW + 60.0, NOW + KEPT_SECONDS + 60.0])
    at = [NOW]
    looked = DomainChecks(http, f"{registry.url}/list", lambda: at[0])
    for at[0] in times:
        assert len(await looked.look(["smiths.family"])) == 1
    assert registry.asked == ["list", "smiths.family"] * 2


async def test_what_nobody_tells_is_left_out(http: HttpClient, registry: Registry) -> None:
    names = ["smiths.family", "x.test", "localhost", "smiths.org", "", "127.0.0.1"]
    assert await checks(http, registry).look(names) == []
    assert await DomainChecks(http, "", lambda: NOW).look(["smiths.family"]) == []
    assert await DomainChecks(http, "http://127.0.0.1:9/", lambda: NOW).look(names) == []
    for registry.services in (None, 5, [[]], [["family"]], [[["family"], [5, "nonsense"]]]):
        assert await checks(http, registry).look(["smiths.family"]) == []


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"events": 5},
        {"events": []},
        {"events": ["x", None, {}]},
        {"events": [{"eventAction": "registration", "eventDate": "2027-01-01"}]},
        {"events": [{"eventAction": "expiration", "eventDate": "soon"}]},
        {"events": [{"eventAction": "expiration", "eventDate": 2027}]},
        {"events": [{"eventAction": "expiration", "eventDate": "0001-01-01T00:00:00"}]},
    ],
)
def test_what_says_nothing_of_an_end_is_no_fault(told: Any) -> None:
    found = read_rental("a.family", told)
    assert found is None or found.until < 0


def test_the_latest_of_several_ends_counts() -> None:
    dates = ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00+00:00", "2026-01-01"]
    events = [{"eventAction": "expiration", "eventDate": date} for date in dates]
    found = read_rental("a.family", {"events": events, "status": 5})
    assert found is not None
    assert datetime.fromtimestamp(found.until, UTC).year == 2028
    assert not found.is_ending


async def test_the_doctor_asks_for_the_domain_of_a_public_network(
    http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    registry.rents(NAME, -1)
    async with open_way_in(tmp_path, monkeypatch) as way:
        assert await way.examine() == []
        monkeypatch.setattr(way.box.pds.doctor.reach, "domains", checks(http, registry))
        (finding,) = await way.examine()
        assert (finding.cause, finding.subject) == ("domain-ending", f"Domain {NAME}")
