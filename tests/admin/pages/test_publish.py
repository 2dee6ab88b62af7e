"""The page that gives a network from home a public name."""

from tests.support.panel_house import House


async def test_what_will_happen_is_said_and_a_good_name_is_written_down(house: House) -> None:
    at_home = {"network.mode": "home", "pds.hostname": "smiths.home"}
    at_home["pds.public_url"] = "http://127.0.0.1:2580"
    async with house.with_settings(
        {**at_home, "network.handle_domains": (".smiths.home",)}
    ) as home:
        owner = await home.claim()
        seen = await owner.get("/publish")
        assert "the same DID" in seen.words
        assert "<legend>How the name leads to this computer</legend>" in seen.text
        assert ".smiths.home" in seen.words
        wrong = await owner.post("/publish", hostname="smiths.local", way="proxy")
        assert wrong.status == 422
        assert wrong.errors
        given = {
            "hostname": "smiths.example.org",
            "way": "proxy",
            "directory": "https://plc.example.org",
            "relays": "https://relay.example.org\nhttps://other.example.org",
        }
        asked = await owner.post("/publish", **given)
        assert "Nothing is changed yet." in asked.words
        assert 'name="sure" value="smiths.example.org"' in asked.text
        # Who types another name meanwhile is asked of that one.
        again = await owner.post("/publish", **given, sure="jones.example.org")
        assert "Nothing is changed yet." in again.words
        assert home.panel.desk.stored.network.mode == "home"
        done = await owner.post("/publish", **given, sure="smiths.example.org")
        assert done.location == "/publish"
        stored = home.panel.desk.stored
        assert (stored.network.mode, stored.pds.url) == ("public", "https://smiths.example.org")
        assert stored.pds.plc_url == "https://plc.example.org"
        assert stored.pds.relays == ("https://relay.example.org", "https://other.example.org")
        assert stored.directory.enabled
        assert (stored.neighbours.announce, stored.neighbours.port) == (True, 2590)
        assert "next start" in (await owner.get("/publish")).words


async def test_a_trial_is_not_published(house: House) -> None:
    owner = await house.claim()
    assert "This is a trial" in (await owner.get("/publish")).words
    before = house.panel.desk.stored
    await owner.post("/publish", hostname="smiths.example.org", way="proxy")
    assert house.panel.desk.stored == before


async def test_how_far_it_is_is_shown(house: House) -> None:
    await house.box.sign_up()
    public = {"network.mode": "public", "pds.hostname": "smiths.example.org"}
    async with house.with_settings(public) as out:
        owner = await out.claim()
        for path in ("/publish", "/publish/live"):
            seen = await owner.get(path)
            assert seen.status == 200
            assert "identities name" in seen.text
        assert (await out.visitor().get("/publish")).location.startswith("/sign-in")
