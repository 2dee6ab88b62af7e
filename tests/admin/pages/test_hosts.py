"""Other hosts: what waits is followed, banned and let ask again."""

from tests.support.panel_house import House
from tests.support.roles_beside import relay_beside


async def test_a_host_that_waits_is_followed_banned_and_let_ask_again(house: House) -> None:
    owner = await house.claim()
    async with relay_beside(house) as relay:
        await relay.admission.asked("pds.stranger.com")
        seen = await owner.get("/hosts")
        assert seen.words.index("pds.stranger.com") < seen.words.index(house.box.pds.site.hostname)
        assert "Waits for you" in seen.words
        asked = await owner.post("/hosts/approve", hostname="pds.stranger.com")
        assert asked.location == "/hosts"
        found = relay.hosts.named("pds.stranger.com")
        assert found.standing == "active"
        await owner.post("/hosts/ban", hostname="pds.stranger.com")
        assert "Banned" in (await owner.get("/hosts")).words
        assert (await owner.post("/hosts/lift", hostname="pds.stranger.com")).status == 303
        assert relay.hosts.named("pds.stranger.com").standing == "waiting"


async def test_what_cannot_be_done_is_said(house: House) -> None:
    owner = await house.claim()
    async with relay_beside(house) as relay:
        await relay.admission.asked("pds.stranger.com")
        await relay.moderation.ban("stranger.com", "all of it")
        await owner.get("/hosts")
        for path in ("approve", "lift"):
            seen = await owner.post(f"/hosts/{path}", hostname="pds.stranger.com")
            assert seen.status == 422
            assert "a larger domain has to be lifted first" in seen.words


async def test_a_relay_that_is_away_is_said(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/hosts")
    assert seen.status == 200
    assert "does not answer" in seen.words
    assert (await house.visitor().get("/hosts")).location.startswith("/sign-in")
