"""The relay's methods, over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from appliance.base.connection import Connection
from appliance.relay.hosts import NEW_HOSTS_PER_DAY, TooManyHosts
from tests.relay.conftest import Lab
from tests.support.client import soon
from tests.support.hosts import fake_host
from tests.support.waiting import until

NOBODY = "did:plc:" + "z" * 24


async def test_hosts_are_listed_with_their_state(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        host = {
            "hostname": lab.home.hostname,
            "seq": 1,
            "accountCount": 1,
            "status": "active",
        }
        assert await running.get("com.atproto.sync.listHosts") == (200, {"hosts": [host]})
        assert await running.get("com.atproto.sync.listHosts", limit="1") == (
            200,
            {"hosts": [host], "cursor": "1"},
        )
        assert await running.get("com.atproto.sync.listHosts", cursor="1") == (200, {"hosts": []})
        assert await running.get("com.atproto.sync.getHostStatus", hostname=lab.home.hostname) == (
            200,
            host,
        )
        status, answer = await running.get("com.atproto.sync.getHostStatus", hostname="nowhere.com")
        assert (status, answer["error"]) == (400, "HostNotFound")


async def test_repos_are_listed_in_order_of_arrival_with_where_they_stand(lab: Lab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    first, second = alice.commit(), bob.commit()
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(first, second)
        await stream.kinds(2)
        repos = [
            {
                "did": str(news.commit.did),
                "active": True,
                "head": str(news.commit.cid),
                "rev": str(news.commit.rev),
            }
            for news in (first, second)
        ]
        assert await running.get("com.atproto.sync.listRepos") == (200, {"repos": repos})
        assert await running.get("com.atproto.sync.listRepos", limit="1") == (
            200,
            {"repos": repos[:1], "cursor": "1"},
        )
        assert await running.get("com.atproto.sync.listRepos", cursor="1") == (
            200,
            {"repos": repos[1:]},
        )


async def test_one_repo_can_be_asked_about(lab: Lab) -> None:
    alice = lab.account("alice")
    news = alice.commit()
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(news)
        await stream.frame()
        assert await running.get("com.atproto.sync.getRepoStatus", did=alice.did) == (
            200,
            {"did": alice.did, "active": True, "rev": str(news.commit.rev)},
        )
        assert await running.get("com.atproto.sync.getLatestCommit", did=alice.did) == (
            200,
            {"cid": str(news.commit.cid), "rev": str(news.commit.rev)},
        )
        status, headers = await running.get("com.atproto.sync.getRepo", did=alice.did)
        assert status == 302
        path = "/xrpc/com.atproto.sync.getRepo?did="
        assert headers["Location"] == lab.home.url + path + alice.did.replace(":", "%3A")


@pytest.mark.parametrize("method", ["getRepoStatus", "getLatestCommit", "getRepo"])
async def test_an_unknown_repo_is_not_found(lab: Lab, method: str) -> None:
    async with lab.relay() as running:
        status, answer = await running.get(f"com.atproto.sync.{method}", did=NOBODY)
        assert (status, answer["error"]) == (400, "RepoNotFound")


LOCAL = [("takendown", "RepoTakendown"), ("suspended", "RepoSuspended"), ("x", "RepoDeactivated")]


@pytest.mark.parametrize(("local", "name"), LOCAL)
async def test_a_repo_we_have_taken_down_is_not_given_out(lab: Lab, local: str, name: str) -> None:
    def take_down(conn: Connection) -> None:
        conn.execute("UPDATE account SET local_status = ?", (local,))

    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        await running.role.hosts._db.write(take_down)
        for method in ("getLatestCommit", "getRepo"):
            status, answer = await running.get(f"com.atproto.sync.{method}", did=alice.did)
            assert (status, answer["error"]) == (400, name)
        _, repos = await running.get("com.atproto.sync.listRepos")
        shown: Any = repos["repos"]
        assert (shown[0]["active"], shown[0]["status"]) == (False, local)
        await lab.home.tell_commit(alice.post("hidden"))
        await until(lambda: running.role.ingest.counts["inactive"] == 1)


@pytest.mark.parametrize("cursor", ["-1", "x", "9" * 30])
async def test_a_malformed_cursor_is_refused(lab: Lab, cursor: str) -> None:
    async with lab.relay() as running:
        for method in ("listHosts", "listRepos"):
            status, answer = await running.get(f"com.atproto.sync.{method}", cursor=cursor)
            assert (status, answer["error"]) == (400, "InvalidRequest")


async def test_a_host_that_asks_is_crawled_from_its_first_event(lab: Lab, tmp_path: Path) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away, lab.relay() as running:
        bob = lab.account("bob", away)
        await away.tell_commit(bob.commit(), bob.post("before the crawl"))
        for _ in range(2):
            assert await running.request_crawl(away.hostname) == (200, b"")
        async with running.stream() as stream:
            assert await stream.kinds(2) == ["commit"] * 2
        assert away.seen_cursors == ["0"]


async def test_a_host_that_is_back_and_says_so_is_not_waited_for(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away, lab.relay() as running:
        await until(lambda: running.role.crawler.connected() == 1)
        monkeypatch.setattr("appliance.firehose.follow.FIRST_PAUSE", 600.0)
        away.is_away = True
        assert await running.request_crawl(away.hostname) == (200, b"")
        host = running.role.hosts.find(away.hostname)
        assert host is not None
        await until(lambda: running.role.crawler.failure(host) is not None)
        away.is_away = False

        async def is_back() -> bool:
            # Whoever asks again and again has a host tried now and then; here that time is over.
            running.role.crawler._next_nudge.clear()
            assert await running.request_crawl(away.hostname) == (200, b"")
            return running.role.crawler.connected() == 2

        assert await running.request_crawl(away.hostname) == (200, b"")
        assert away.seen_cursors == ["0"]
        await soon(is_back, bool)
        assert away.seen_cursors == ["0", "0"]


async def test_a_crawled_host_is_still_followed_after_a_restart(lab: Lab, tmp_path: Path) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away:
        async with lab.relay() as running:
            await running.request_crawl(away.url)
        async with lab.relay() as running:
            await until(lambda: running.role.crawler.connected() == 2)


async def test_a_host_taken_out_of_the_settings_is_no_longer_followed(
    lab: Lab, tmp_path: Path
) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away:
        async with lab.relay(away.url) as running:
            await until(lambda: running.role.crawler.connected() == 2)
        async with lab.relay() as running:
            assert [host.url for host in running.role.hosts.active()] == [lab.home.url]
            assert await running.request_crawl(away.hostname) == (200, b"")
            await until(lambda: running.role.crawler.connected() == 2)


async def test_a_host_that_is_no_pds_is_refused(lab: Lab) -> None:
    async with lab.relay() as running:
        port = running.server.port
        status, answer = await running.request_crawl(f"localhost:{port}")
        assert status == 400
        assert b"HostNotFound" in answer
        assert len(running.role.hosts.active()) == 1


@pytest.mark.parametrize(
    "hostname",
    [
        "",
        "localhost/",
        "10.0.0.1",
        "[::1]",
        "pds.example.com:8080",
        "https://user@pds.example.com",
        "pds",
        "http://pds.example.com",
        "ftp://pds.example.com",
        "pds.example.com.",
        "pds.home.internal",
        "pds example.com",
        "a." * 150 + "com",
    ],
)
async def test_what_is_no_public_name_is_refused(lab: Lab, hostname: str) -> None:
    async with lab.relay(mode="home") as running:
        status, answer = await running.request_crawl(hostname)
        assert status == 400
        assert b"InvalidRequest" in answer
        assert len(running.role.hosts.active()) == 1


async def test_outside_development_a_stranger_waits_and_is_not_dialled(lab: Lab) -> None:
    async with lab.relay(mode="home") as running:
        assert await running.request_crawl("pds.stranger.com") == (200, b"")
        assert [host.hostname for host in running.role.hosts.active()] == [lab.home.hostname]
        waiting = running.role.hosts.find("pds.stranger.com")
        assert waiting is not None
        assert waiting.standing == "waiting"
        status, answer = await running.get(
            "com.atproto.sync.getHostStatus", hostname="pds.stranger.com"
        )
        assert (status, answer["error"]) == (400, "HostNotFound")
        status, _ = await running.request_crawl("localhost:1234")
        assert status == 400


async def test_a_banned_host_is_told_so(lab: Lab) -> None:
    def ban(conn: Connection) -> None:
        conn.execute("UPDATE host SET standing = 'banned' WHERE hostname = 'pds.stranger.com'")

    async with lab.relay(mode="home") as running:
        await running.request_crawl("pds.stranger.com")
        await running.role.hosts._db.write(ban)
        status, answer = await running.request_crawl("pds.stranger.com")
        assert (status, b"HostBanned" in answer) == (400, True)
        assert await running.get("com.atproto.sync.getHostStatus", hostname="pds.stranger.com") == (
            200,
            {"hostname": "pds.stranger.com", "seq": 0, "accountCount": 0, "status": "banned"},
        )


async def test_only_so_many_new_hosts_are_taken_in_a_day(lab: Lab) -> None:
    async with lab.relay() as running:
        hosts = running.role.hosts
        for number in range(NEW_HOSTS_PER_DAY):
            name = f"pds{number}.example.com"
            await hosts.add(name, f"https://{name}", waiting=False, whole=True)
        with pytest.raises(TooManyHosts):
            await hosts.add("a.example.com", "https://a.example.com", waiting=False, whole=True)
        lab.clock.ahead_us += 25 * 3600 * 1_000_000
        await hosts.add("a.example.com", "https://a.example.com", waiting=False, whole=False)
        found = hosts.find("a.example.com")
        assert found is not None
        assert found.cursor is None


async def test_the_status_tells_of_workers_and_counts(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        assert (await running.get("internal.hearth.upkeep.getStatus"))[0] == 401
        url = running.server.make_url("/xrpc/internal.hearth.upkeep.getStatus")
        headers = {"Authorization": running.role.access.header}
        async with running.session.get(url, headers=headers) as response:
            status, answer = response.status, await response.json()
        assert (status, answer["name"]) == (200, "relay")
        assert answer["counts"] == {
            "hosts": 1,
            "connected": 1,
            "hosts_waiting": 0,
            "hosts_banned": 0,
            "accounts": 1,
            "quarantined": 0,
            "repairs": 0,
            "seq": 1,
            "floor": 0,
            "subscribers": 1,
            "events": {"published": 1},
        }
        workers: Any = answer["workers"]
        assert {worker["state"] for worker in workers} == {"running"}


async def test_every_inline_statement_is_bounded(lab: Lab, tmp_path: Path) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away, lab.relay() as running:
        alice = lab.account("alice")
        await running.request_crawl(away.hostname)
        async with running.stream() as stream:
            await lab.home.tell_commit(alice.commit())
            await stream.frame()
        for method in ("listHosts", "listRepos"):
            await running.get(f"com.atproto.sync.{method}")
        await running.get("com.atproto.sync.getRepo", did=alice.did)
        assert running.role.hosts._db.full_scans() == []
