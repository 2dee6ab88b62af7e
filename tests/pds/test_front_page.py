"""The front page: what everybody sees of the network, and of those who agreed to be seen."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.members_house import MembersHouse, open_members_house
from tests.support.panel_house import Seen
from tests.support.pds_box import Member

CID = "bafyreib2rxk3rybk3aobmv5cjuql3bm2twh4jo5uxgf5kpqcsgz7soitae"
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path, look_member_pages=True) as opened:
        yield opened


async def front(house: MembersHouse, path: str = "/") -> Seen:
    """Look as somebody who has no account does, after what is kept has grown old."""
    house.box.clock.advance(30)
    return await house.browser().ask("GET", path, headers=HTML)


async def agree(house: MembersHouse, member: Member, **fields: str) -> None:
    browser = await house.at_home(member)
    await browser.get("/profile")
    done = await browser.post("/profile", name="", about="", front="yes", **fields)
    assert done.status == 303


async def write(house: MembersHouse, member: Member, collection: str, **record: Any) -> str:
    value = {"$type": collection, "createdAt": "2026-11-20T10:00:00Z", **record}
    given: dict[str, Any] = {"repo": member.did, "collection": collection, "record": value}
    if collection == "app.bsky.actor.profile":
        given["rkey"] = "self"
        made = await house.box.post("com.atproto.repo.putRecord", member.access, **given)
    else:
        made = await house.box.post("com.atproto.repo.createRecord", member.access, **given)
    assert made.status == 200, made.json
    return str(made.json["uri"])


async def post(house: MembersHouse, member: Member, text: str, **more: Any) -> str:
    return await write(house, member, "app.bsky.feed.post", text=text, **more)


async def test_nobody_is_shown_who_did_not_agree(house: MembersHouse) -> None:
    await post(house, house.alice, "Hello from Alice")
    seen = await front(house)
    assert seen.status == 200
    assert "Hearth" in seen.words
    assert "alice" not in seen.words
    assert "Hello from Alice" not in seen.words
    assert (await front(house, "/people/alice.test")).status == 404


async def test_who_agreed_is_named_with_the_latest_posts(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    await post(house, house.alice, "Hello <b>from</b> Alice")
    ref = {"uri": await post(house, bob, "Hello from Bob"), "cid": CID}
    await post(house, house.alice, "An answer", reply={"root": ref, "parent": ref})
    await agree(house, house.alice)
    seen = await front(house)
    assert "@alice.test" in seen.words
    assert "&lt;b&gt;from&lt;/b&gt;" in seen.text
    assert "bob" not in seen.words
    assert "An answer" not in seen.words
    await agree(house, bob)
    seen = await front(house)
    assert seen.words.index("Hello from Bob") < seen.words.index("Alice")


async def test_agreeing_can_be_taken_back_and_ends_with_the_account(house: MembersHouse) -> None:
    await agree(house, house.alice)
    browser = await house.at_home()
    seen = await browser.get("/profile")
    assert 'name="front" value="yes" checked' in seen.text
    await browser.post("/profile", name="", about="")
    assert "alice" not in (await front(house)).words
    await agree(house, house.alice)
    assert "alice" in (await front(house)).words
    await house.box.deactivate(house.alice)
    assert "alice" not in (await front(house)).words
    await house.box.operate("POST", "com.atproto.admin.deleteAccount", did=house.alice.did)
    assert not house.box.pds.front_page.shows(house.alice.did)


async def test_what_was_taken_down_is_not_shown(house: MembersHouse) -> None:
    uri = await post(house, house.alice, "Something bad")
    await agree(house, house.alice)
    assert "Something bad" in (await front(house)).words
    status = await house.box.operate("GET", "com.atproto.admin.getSubjectStatus", uri=uri)
    await house.box.operate(
        "POST",
        "com.atproto.admin.updateSubjectStatus",
        subject=status.json["subject"],
        takedown={"applied": True},
    )
    assert "Something bad" not in (await front(house)).words


async def test_who_hides_from_strangers_is_named_without_words(house: MembersHouse) -> None:
    labels = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": "!no-unauthenticated"}],
    }
    await post(house, house.alice, "Only for members")
    await agree(house, house.alice)
    await write(house, house.alice, "app.bsky.actor.profile", displayName="Alice", labels=labels)
    seen = await front(house)
    assert "Alice" in seen.words
    assert "Only for members" not in seen.words
    page = await front(house, "/people/alice.test")
    assert "shown only to who is signed in" in page.words
    assert "Only for members" not in page.words


async def test_pages_of_members_and_posts_have_what_links_show(house: MembersHouse) -> None:
    uri = await post(house, house.alice, 'A "quoted" word')
    await agree(house, house.alice)
    rkey = uri.rpartition("/")[2]
    seen = await front(house, f"/people/alice.test/{rkey}")
    assert 'A "quoted" word' in seen.words
    assert '<meta property="og:description" content="A &#34;quoted&#34; word">' in seen.text
    assert f'content="{house.box.pds.site.url}/people/alice.test/{rkey}"' in seen.text
    person = await front(house, "/people/alice.test")
    assert '<meta property="og:title" content="@alice.test">' in person.text
    for path in ("/people/alice.test/self", "/people/alice.test/3kabcabcabc2a", "/people/x"):
        assert (await front(house, path)).status == 404


async def test_without_the_owners_word_there_are_no_pages_of_members(tmp_path: Path) -> None:
    async with open_members_house(tmp_path) as house:
        uri = await post(house, house.alice, "Hello")
        await agree(house, house.alice)
        seen = await front(house)
        assert "Hello" in seen.words
        assert "/people/" not in seen.text
        for path in ("/people/alice.test", f"/people/alice.test/{uri.rpartition('/')[2]}"):
            assert (await front(house, path)).status == 404


async def test_rules_and_the_way_in_are_told(house: MembersHouse) -> None:
    await house.box.operate("POST", "internal.hearth.pds.putHouseTexts", rules="Be kind.")
    seen = await front(house)
    assert "Be kind." in seen.words
    assert "Everybody may join." in seen.words
    assert seen.copyable("provider") == house.box.pds.site.url
    assert '<meta property="og:title" content="Hearth">' in seen.text


async def test_tools_are_told_in_plain_text_and_other_names_are_sent_home(
    house: MembersHouse,
) -> None:
    plain = await house.browser().ask("GET", "/")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "personal data server" in plain.text
    other = await house.browser().ask("GET", "/", headers={**HTML, "Host": "127.0.0.1:2583"})
    assert (other.status, other.headers["Location"]) == (302, f"{house.box.pds.site.url}/")
