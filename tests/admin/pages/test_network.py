"""Whether others see this network; bans; what was not passed on, and the way back."""

import pytest

from appliance.atproto.syntax import Did
from appliance.relay import quarantine
from appliance.relay.quarantine import Kept
from appliance.relay.role import Relay
from appliance.relay.upstream import AccountsSeen, HostSeen, Seen
from tests.support.panel_house import House
from tests.support.roles_beside import relay_beside


async def keep(relay: Relay, number: int, did: str) -> None:
    host = relay.hosts.all(0, 1)[0]
    kept = Kept(0, host.id, did, number, "drop", f"reason {number}", 3, relay.clock.now_us())
    await relay.quarantine._db.write(quarantine.keep, kept, b"\xa0\xa0x")


async def test_relays_are_shown_with_what_they_know_of_each_account(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    async with relay_beside(house) as relay:
        alone = await owner.get("/network")
        assert "No relay is asked to pass on" in alone.words
        url = "https://relay.example.com"
        relay.upstreams.seen[url] = Seen(
            url,
            house.box.pds.site.hostname,
            relay.clock.now_us(),
            host=HostSeen(seq=5, accounts=1),
            our_seq=5,
            accounts=AccountsSeen(1, throttled=1, each=((ann.did, "throttled"),)),
        )
        seen = await owner.get("/network")
        assert "relay.example.com One account was asked for" in seen.words
        assert "@ann.test : held back there (throttled)" in seen.words
        assert "What to do" in seen.words
        assert (await owner.post("/network/look")).location == "/network"
    assert "does not answer" in (await owner.get("/network")).words


async def test_bans_are_made_listed_and_lifted(house: House) -> None:
    owner = await house.claim()
    async with relay_beside(house) as relay:
        assert "Nobody is banned." in (await owner.get("/network/bans")).words
        refused = await owner.post("/network/bans", name="no domain", reason="")
        assert (refused.status, refused.errors) == (422, ["This is neither a domain nor a DID."])
        await owner.post("/network/bans", name="Spam.Example", reason="lies")
        assert "spam.example" in (await owner.get("/network/bans")).words
        assert relay.bans.of_host("pds.spam.example") is not None
        await owner.post("/network/bans/lift", name="spam.example")
        assert relay.bans.of_host("pds.spam.example") is None


async def test_what_was_not_passed_on_is_judged_again_or_forgotten(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    async with relay_beside(house) as relay:
        assert "Nothing is kept apart" in (await owner.get("/network/quarantine")).words
        for number in (1, 2):
            await keep(relay, number, Did(ann.did))
        seen = await owner.get("/network/quarantine")
        assert seen.words.index("reason 2") < seen.words.index("reason 1")
        newest, oldest = relay.quarantine.page(None, 2**62, 10)
        await owner.post("/network/quarantine/discard", number=str(newest.id))
        gone = await owner.post("/network/quarantine/discard", number=str(newest.id))
        assert gone.status == 422
        again = await owner.post("/network/quarantine/again", number=str(oldest.id))
        assert again.status == 422  # nobody can read these three bytes
        assert (await owner.post("/network/quarantine/again", number="x")).status == 404


async def test_what_is_right_after_all_is_passed_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await house.claim()
    async with relay_beside(house) as relay:
        await owner.get("/network/quarantine")
        for verdict, words in (
            ("published", "It is right after all, and passed on."),
            ("stale_rev", "Judged again, and not passed on: an older commit"),
        ):

            async def judged(number: int, said: str = verdict) -> tuple[str, str]:
                return said, "" if said == "published" else "an older commit"

            monkeypatch.setattr(relay.ingest, "judge_again", judged)
            assert words in (await owner.post("/network/quarantine/again", number="1")).words
