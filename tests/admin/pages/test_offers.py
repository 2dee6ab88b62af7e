"""Feeds by rules and labels, as the owner offers them."""

from appliance.pds.preferences import usual
from tests.support.panel_house import House
from tests.support.roles_beside import appview_beside, labeler_beside

LABELER = "did:plc:ar7c4by46qjdydhdevvrndac"


async def test_a_feed_is_offered_changed_and_taken_back(house: House) -> None:
    owner = await house.claim()
    async with appview_beside(house) as appview:
        assert "Another feed" in (await owner.get("/feeds")).words
        fields = {
            "name": "Garden",
            "title": "In the garden",
            "kind": "hashtags",
            "words": "plums\r\nroses\r\n",
            "scope": "here",
            "mediaOnly": "yes",
            "minLikes": "2",
        }
        saved = await owner.post("/feeds", **fields)
        assert (
            "In the garden Posts with hashtags: plums, roses"
            in (await owner.get(saved.location)).words
        )
        rule = appview.feed_store.get("garden")
        assert rule is not None
        assert (rule.media_only, rule.min_likes, rule.with_replies) == (True, 2, False)
        edit = await owner.get("/feeds?edit=garden")
        assert "plums\nroses</textarea>" in edit.text
        wrong = await owner.post("/feeds", **{**fields, "kind": "everyone"})
        assert (wrong.status, len(wrong.errors)) == (422, 1)
        assert 'value="In the garden"' in wrong.text
        await owner.post("/feeds/remove", name="garden")
        assert "In the garden" not in (await owner.get("/feeds")).words
        assert (await owner.post("/feeds/remove", name="garden")).status == 422


async def test_what_members_have_from_the_start_is_chosen(house: House) -> None:
    owner = await house.claim()
    async with appview_beside(house):
        await owner.get("/feeds")
        fields = {"name": "garden", "title": "Garden", "kind": "hashtags", "words": "plums"}
        await owner.post("/feeds", **fields)
        await owner.get("/feeds")
        wrong = await owner.post("/feeds/usual", labelers="nobody")
        assert (wrong.status, "Each line is a DID" in wrong.errors[0]) == (422, True)
        await owner.post("/feeds/usual", **{"usual-garden": "yes", "labelers": LABELER})
        stored = house.panel.desk.stored.pds
        assert stored.usual_labelers == (LABELER,)
        assert [uri.rpartition("/")[2] for uri in stored.usual_feeds] == ["garden"]
        assert 'name="usual-garden" value="yes" checked' in (await owner.get("/feeds")).text


def test_the_usual_preferences_hold_labelers_and_feeds_in_the_words_of_apps() -> None:
    assert usual(lambda: None, (), ()) == []
    labels, saved = usual(lambda: None, (LABELER,), (f"at://{LABELER}/app.bsky.feed.generator/x",))
    assert labels["labelers"] == [{"did": LABELER}]
    assert [(one["type"], one["pinned"]) for one in saved["items"]] == [
        ("timeline", True),
        ("feed", True),
    ]


async def test_a_kind_of_label_is_made_put_taken_back_and_forgotten(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    async with labeler_beside(house) as labeler:
        seen = await owner.get("/labels")
        assert "Nothing is labelled." in seen.words
        # Who chooses nothing hides nobody.
        assert seen.text.count('<option value="!warn" selected>') == 1
        kind = {
            "identifier": "spoiler",
            "title": "Spoiler",
            "description": "Tells how it ends.",
            "severity": "inform",
            "blurs": "content",
            "setting": "warn",
        }
        await owner.post("/labels/define", **kind)
        assert "Spoiler spoiler · Tells how it ends." in (await owner.get("/labels")).words
        refused = await owner.post("/labels/define", **{**kind, "identifier": "!hide"})
        assert (refused.status, len(refused.errors)) == (422, 1)
        await owner.get("/labels")
        for subject, status in (("ghost", 422), ("no name!", 422), ("@ann", 303), (ann.did, 303)):
            put = await owner.post("/labels", subject=subject, value="spoiler")
            assert put.status == status
        assert "spoiler @ann.test" in (await owner.get("/labels")).words
        assert await labeler.labels.count() == 1
        await owner.post("/labels/negate", uri=ann.did, value="spoiler")
        await owner.post("/labels/forget", identifier="spoiler")
        seen = await owner.get("/labels")
        assert "Nothing is labelled." in seen.words
        assert "Tells how it ends." not in seen.words


async def test_labels_that_all_know_are_said_in_words(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    async with labeler_beside(house):
        seen = await owner.get("/labels")
        assert '<option value="!hide">Hide it from everybody (!hide)</option>' in seen.text
        assert (await owner.post("/labels", subject="ann", value="!hide")).status == 303
        [label] = (await house.panel.labels.standing(None)).items
        assert (label["val"], label["uri"]) == ("!hide", member.did)
        assert "Hide it from everybody !hide" in (await owner.get("/labels")).words
