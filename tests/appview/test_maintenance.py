from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.appview import actors
from appliance.appview.maintenance import GRACE_US, count_rows
from appliance.appview.role import AppView
from appliance.base.connection import Connection
from tests.support.appview_network import fake_network, network_settings, open_role
from tests.support.clock import FakeClock
from tests.support.index_lab import IndexLab, StrongRef


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def appview(tmp_path: Path, clock: FakeClock) -> AsyncIterator[AppView]:
    settings = network_settings(tmp_path)
    async with fake_network(settings), open_role(settings, clock) as role:
        yield role


def scene(conn: Connection) -> tuple[str, str, StrongRef]:
    """Bob likes, follows and answers Alice; then Bob's account is deleted."""
    lab = IndexLab(conn)
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    lab.like(bob, post)
    lab.follow(bob, alice)
    for _ in range(250):
        lab.reply(bob, post)
    actor_id = actors.intern(conn, bob, lab.now_us)
    actors.set_status(conn, actor_id, "deleted", lab.now_us)
    return alice, bob, post


async def test_a_deleted_account_is_purged_after_a_day_with_every_count(
    appview: AppView, clock: FakeClock
) -> None:
    alice, bob, post = await appview.index.write(scene)
    await appview.viewers.mute(bob, alice)

    def counts() -> tuple[int, ...]:
        return appview.index.read(
            "SELECT reply_count, like_count, followers_count FROM subject"
            " JOIN actor ON actor.id = actor_id WHERE uri = ?",
            post["uri"],
        )[0]

    await appview.maintenance.tidy()
    assert counts() == (250, 1, 1)
    clock.advance(GRACE_US / 1_000_000 + 3600)
    await appview.maintenance.tidy()
    assert counts() == (0, 0, 0)
    assert appview.viewers.mutes(bob, [alice]) == {}
    row = appview.index.read_one("SELECT status, handle, rev FROM actor WHERE did = ?", bob)
    assert row == ("purged", None, None)
    assert not appview.actors.is_active(bob)
    assert appview.actors.is_active(alice)


async def test_an_account_that_comes_back_within_the_day_is_kept(
    appview: AppView, clock: FakeClock
) -> None:
    _, bob, _ = await appview.index.write(scene)

    def restore(conn: Connection) -> None:
        actors.set_status(conn, actors.intern(conn, bob, 0), None, 0)

    await appview.index.write(restore)
    clock.advance(GRACE_US / 1_000_000 + 3600)
    await appview.maintenance.tidy()
    found = await appview.index.scan(count_rows)
    assert found["records"]["app.bsky.feed.post"] == 251
    assert appview.actors.is_active(bob)
