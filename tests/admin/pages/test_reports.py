"""Reports: seen, acted on, closed; and the log of all that."""

import hashlib
from typing import Any

from tests.support.panel_house import House, Seen, Visitor
from tests.support.pds_box import Member
from tests.support.roles_beside import labeler_beside

SPAM = "com.atproto.moderation.defs#reasonSpam"


async def posted(house: House, member: Member, text: str, **more: Any) -> dict[str, str]:
    """Write a post; give its strong reference."""
    record = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-11-20T10:00:00Z",
        **more,
    }
    given = {"repo": member.did, "collection": record["$type"], "record": record}
    made = await house.box.post("com.atproto.repo.createRecord", member.access, **given)
    assert made.status == 200, made.json
    return {"$type": "com.atproto.repo.strongRef", "uri": made.json["uri"], "cid": made.json["cid"]}


async def report(house: House, by: Member, subject: dict[str, str], **more: str) -> None:
    given = {"reasonType": SPAM, "subject": subject, **more}
    made = await house.box.post("com.atproto.moderation.createReport", by.access, **given)
    assert made.status == 200, made.json


def account(member: Member) -> dict[str, str]:
    return {"$type": "com.atproto.admin.defs#repoRef", "did": member.did}


async def press(owner: Visitor, act: str, **fields: str) -> Seen:
    return await owner.post("/reports", act=act, **fields)


async def test_a_post_that_was_reported_is_taken_down_and_shown_again(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    ref = await posted(house, bob, "Buy <b>this</b>!")
    await report(house, ann, ref, reason="He wrote it ten times.")
    seen = await owner.get("/reports")
    for words in ("Unwanted advertising (spam)", "From @ann.test", "He wrote it ten times."):
        assert words in seen.words
    assert "Buy <b>this</b>!" in seen.words
    assert "Buy &lt;b&gt;this" in seen.text
    assert "About a post by @bob.test 20 November 2026" in seen.words
    # Its address is there for who wants it, not in the way of who does not.
    shown, _, hidden = seen.text.partition("<details><summary>Exact address")
    assert (ref["uri"] in hidden, f"<code>{ref['uri']}" in shown) == (True, False)
    assert "web client" not in seen.words
    # Who is to be hidden for some days only has a page where that is said.
    assert "For some days only: on the page of @bob.test" in seen.words
    member = await owner.get(f"/people/{bob.did}")
    assert 'id="takedown"' in member.text
    assert "suspend for some days" in member.words
    fields = {"id": "1", "uri": ref["uri"], "cid": ref["cid"], "note": "Ten times is spam."}
    assert (await press(owner, "record", **fields)).location == "/reports?done=record"
    assert "No reports" in (await owner.get("/reports?done=record")).words
    rkey = ref["uri"].rpartition("/")[2]
    place = {"repo": bob.did, "collection": "app.bsky.feed.post", "rkey": rkey}
    assert (await house.box.get("com.atproto.repo.getRecord", **place)).status == 400
    closed = await owner.get("/reports?all=yes")
    # Whoever decides goes on seeing what nobody else is shown.
    assert "Buy <b>this</b>!" in closed.words
    assert "Ten times is spam." in closed.words
    assert "Closed" in closed.words
    assert "Taken down" in closed.words
    await press(owner, "restore", **fields)
    assert (await house.box.get("com.atproto.repo.getRecord", **place)).status == 200


async def test_what_was_reported_is_seen_while_its_account_is_hidden(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    await report(house, ann, await posted(house, bob, "Fie on you"))
    await press(owner, "account", id="1", did=bob.did, note="For a while.", close="")
    seen = await owner.get("/reports?all=yes")
    assert "Fie on you" in seen.words


async def test_what_was_reported_is_seen_in_the_web_client_where_there_is_one(house: House) -> None:
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    ref = await posted(house, bob, "Look")
    await report(house, ann, ref)
    await report(house, ann, account(bob))
    values = {"client.folder": "client", "client.public_url": "http://localhost:2588"}
    running = house.settings.with_values(values)
    async with house.panel_with(running) as here:
        seen = await (await here.claim()).get("/reports")
    rkey = ref["uri"].rpartition("/")[2]
    for place in (f"{bob.did}/post/{rkey}", bob.did):
        assert f'href="http://localhost:2588/profile/{place}"' in seen.text


async def test_an_account_that_was_reported_is_taken_down_with_the_reason(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    await report(house, ann, account(bob))
    assert "About the account @bob.test" in (await owner.get("/reports")).words
    await press(owner, "account", id="1", did=bob.did, note="Threats.")
    seen = await owner.get(f"/people/{bob.did}")
    assert "Taken down" in seen.words
    assert "Why Threats." in seen.words
    assert (await owner.get("/reports")).words.count("@bob.test") == 0


async def test_one_picture_of_a_post_can_be_taken_down(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    picture = b"\x89PNG\r\n\x1a\n" + hashlib.sha256(b"x").digest()
    blob = await house.box.ask(
        "POST",
        "/xrpc/com.atproto.repo.uploadBlob",
        token=bob.access,
        data=picture,
        headers={"Content-Type": "image/png"},
    )
    image = {"image": blob.json["blob"], "alt": "A cat, badly lit"}
    embed = {"$type": "app.bsky.embed.images", "images": [image]}
    await report(house, ann, await posted(house, bob, "Look", embed=embed))
    assert "A cat, badly lit" in (await owner.get("/reports")).words
    cid = blob.json["blob"]["ref"]["$link"]
    done = await press(owner, "blob", id="1", did=bob.did, blob=cid)
    assert done.location == "/reports?done=blob"
    assert "The report is still open." in (await owner.get("/reports?done=blob")).words
    got = await house.box.get("com.atproto.sync.getBlob", did=bob.did, cid=cid)
    assert got.status == 400


async def test_a_reporter_can_be_muted_and_heard_again(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    await report(house, ann, account(bob), reason="one")
    await press(owner, "mute", id="1", reporter=ann.did)
    await report(house, ann, account(bob), reason="two")
    seen = await owner.get("/reports")
    assert "No reports" in seen.words
    assert "Not listened to @ann.test" in seen.words
    await press(owner, "unmute", id="0", reporter=ann.did)
    await report(house, ann, account(bob), reason="three")
    seen = await owner.get("/reports")
    assert "three" in seen.words
    assert "Not listened to" not in seen.words


async def test_the_same_report_twice_is_one(house: House) -> None:
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    for _ in range(3):
        await report(house, ann, account(bob))
    assert await house.panel.reports.count_open() == 1


async def test_what_is_gone_or_not_here_is_said(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    uri = "at://did:plc:ffffffffffffffffffffffff/app.bsky.feed.post/3kabcabcabc2a"
    cid = "bafyreib2rxk3rybk3aobmv5cjuql3bm2twh4jo5uxgf5kpqcsgz7soitae"
    await report(house, ann, {"$type": "com.atproto.repo.strongRef", "uri": uri, "cid": cid})
    assert "This is not kept here" in (await owner.get("/reports")).words
    seen = await press(owner, "record", id="1", uri=uri, cid=cid)
    assert (seen.status, "It is not there any more." in seen.words) == (422, True)
    assert (await press(owner, "nonsense", id="1")).status == 404
    assert (await press(owner, "close", id="x")).status == 404
    await press(owner, "close", id="1", note="Nothing of ours.")
    assert "No reports" in (await owner.get("/reports")).words


async def test_every_act_is_in_the_log_without_secrets(house: House) -> None:
    owner = await house.claim()
    bob = await house.box.sign_up("bob")
    await owner.get(f"/people/{bob.did}")
    shown = await owner.post(f"/people/{bob.did}/password")
    await owner.post(f"/people/{bob.did}/takedown", reason="Threats.")
    await owner.post("/invites", uses="2", days="7", note="Rosa")
    seen = await owner.get("/log")
    for words in ("New password for a member", "Taken down, or shown again", "Invite made"):
        assert words in seen.words
    assert "in the panel" in seen.words
    assert "@bob.test" in seen.words
    assert "Threats." in seen.words
    assert shown.copyable("new-password") not in seen.text
    await owner.post("/sign-out")
    await owner.get("/sign-in")
    assert "Invite made" not in (await owner.get("/log")).text


async def test_rules_and_welcome_are_written_and_read(house: House) -> None:
    owner = await house.claim()
    await owner.get("/rules")
    saved = await owner.post("/rules", rules="1. Be kind.\r\n2. Ask.", welcome="Hello!")
    assert saved.location == "/rules?done=saved"
    seen = await owner.get("/rules?done=saved")
    assert "Saved." in seen.words
    assert "1. Be kind.\n2. Ask." in seen.text
    assert house.box.pds.house_texts.get("welcome") == "Hello!"
    long = await owner.post("/rules", rules="x" * 6001, welcome="")
    assert (long.status, long.errors) == (422, ["This is too long; 6000 letters will do."])
    assert house.box.pds.house_texts.get("welcome") == "Hello!"


async def test_every_other_page_is_found_under_more(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/more")
    for path in ("/mail", "/network", "/storage", "/feeds", "/labels", "/rules", "/log"):
        assert f'href="{path}"' in seen.text


async def test_what_was_reported_is_labelled_and_the_report_stays_open(house: House) -> None:
    owner = await house.claim()
    ann, bob = await house.box.sign_up("ann"), await house.box.sign_up("bob")
    ref = await posted(house, bob, "Look")
    await report(house, ann, ref)
    assert "Put the label" not in (await owner.get("/reports")).words
    async with labeler_beside(house) as labeler:
        assert "Put the label" in (await owner.get("/reports")).words
        fields = {"id": "1", "uri": ref["uri"], "did": bob.did}
        done = await press(owner, "label", **fields, value="graphic-media")
        assert (
            "It is labelled now. The report is still open."
            in (await owner.get(done.location)).words
        )
        assert await labeler.labels.count() == 1
        seen = await owner.get("/reports")
        assert "Labelled already" in seen.words
        assert "(graphic-media)" in seen.words.partition("Labelled already")[2][:60]
        await house.panel.labels.negate(ref["uri"], "graphic-media")
        assert "Labelled already" not in (await owner.get("/reports")).words
        wrong = await press(owner, "label", **fields, value="no-such-label")
        assert (wrong.status, len(wrong.errors)) == (422, 1)
