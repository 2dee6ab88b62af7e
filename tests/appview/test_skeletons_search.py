"""searchPosts: words and conditions."""

import pytest

from appliance.appview.skeletons import search
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

SEARCH = "app.bsky.feed.searchPosts"
V2 = "app.bsky.feed.searchPostsV2"


def library(lab: IndexLab) -> None:
    ann, bob = lab.account("ann"), lab.account("bob")
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": bob}
    facet = {"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}
    lab.post(ann, "red apples", langs=["en"])
    pears = lab.post(ann, "green pears", tags=["Fruit"], langs=["en-GB"])
    lab.post(bob, "apples and green pears", facets=[facet])
    external = {"uri": "https://www.example.com/a", "title": "Baking", "description": ""}
    embed = {"$type": "app.bsky.embed.external", "external": external}
    lab.post(bob, "Äpfel", embed=embed, langs=["de"])
    lab.reply(bob, pears, text="pears indeed")
    lab.like(bob, pears)


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("apples", ["apples and green pears", "red apples"]),
        ("APPLES red", ["red apples"]),
        ('"green pears"', ["apples and green pears", "green pears"]),
        ("pears -apples", ["pears indeed", "green pears"]),
        ("apfel", ["Äpfel"]),
        ("baking", ["Äpfel"]),
        ("#fruit", ["green pears"]),
        ("from:ann.test apples", ["red apples"]),
        ("from:@ann.test", ["green pears", "red apples"]),
        ("from:nobody.test", []),
        ("did:plc:annaaaaaaaaaaaaaaaaaaaaa", ["green pears", "red apples"]),
        ("mentions:bob.test", ["apples and green pears"]),
        ("from:me", ["pears indeed", "Äpfel", "apples and green pears"]),
        ("lang:de", ["Äpfel"]),
        ("domain:example.com", ["Äpfel"]),
        ("https://www.example.com/a", ["Äpfel"]),
        ("since:2030-01-01", []),
        ("until:2030-01-01 red", ["red apples"]),
        ("nothing-like-it", []),
    ],
)
async def test_what_a_query_finds(house: AppViewHouse, q: str, wanted: list[str]) -> None:
    await house.write(library)
    bob = "did:plc:bobaaaaaaaaaaaaaaaaaaaaa"
    page = await house.get(bob, SEARCH, q=q)
    assert [post["record"]["text"] for post in page["posts"]] == wanted


async def test_parameters_narrow_a_search(house: AppViewHouse) -> None:
    await house.write(library)
    for params, wanted in (
        ({"author": "bob.test"}, ["apples and green pears"]),
        ({"tag": ["fruit"]}, []),
        ({"mentions": "bob.test"}, ["apples and green pears"]),
        ({"until": "2030-01-01T00:00:00Z"}, ["apples and green pears", "red apples"]),
        ({"since": "2030-01-01"}, []),
    ):
        page = await house.get(None, SEARCH, q="apples", **params)
        assert [post["record"]["text"] for post in page["posts"]] == wanted


async def test_the_best_liked_come_first_at_the_top(house: AppViewHouse) -> None:
    await house.write(library)
    page = await house.get(None, SEARCH, q="pears", sort="top", limit=1)
    assert [post["record"]["text"] for post in page["posts"]] == ["green pears"]
    rest = await house.get(None, SEARCH, q="pears", sort="top", cursor=page["cursor"])
    assert len(rest["posts"]) == 2
    assert "cursor" not in rest


async def test_structured_filters(house: AppViewHouse) -> None:
    await house.write(library)
    bob = "did:plc:bobaaaaaaaaaaaaaaaaaaaaa"
    await house.write(lambda lab: lab.follow(bob, lab.account("ann")))
    for params, wanted in (
        ({"query": "pears", "excludeReplies": True}, ["apples and green pears", "green pears"]),
        ({"query": "pears", "repliesOnly": True}, ["pears indeed"]),
        ({"hashtags": ["fruit"]}, ["green pears"]),
        (
            {"query": "pears", "excludeHashtags": ["Fruit"], "excludeReplies": True},
            ["apples and green pears"],
        ),
        ({"query": "pears", "excludeAuthors": ["bob.test"]}, ["green pears"]),
        ({"languages": ["de"]}, ["Äpfel"]),
        ({"following": True}, ["green pears", "red apples"]),
        ({"hasMedia": True}, []),
    ):
        page = await house.get(bob, V2, **params)
        assert [post["record"]["text"] for post in page["posts"]] == wanted, params


async def test_what_cannot_be_searched_for_is_refused_by_name(house: AppViewHouse) -> None:
    for q in ("since:yesterday", "from:not_a_handle"):
        assert await house.refused(None, SEARCH, q=q) == (400, "BadQueryString")


async def test_any_text_is_a_harmless_query(house: AppViewHouse) -> None:
    await house.write(library)
    for q in (
        '"',
        '""',
        "AND",
        "NOT",
        "a* OR",
        "{x}:",
        "^",
        "-",
        "(",
        "'; DROP TABLE post",
        "#",
        ":",
    ):
        await house.get(None, SEARCH, q=q)


async def test_blocked_authors_are_not_found(house: AppViewHouse) -> None:
    await house.write(library)

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        lab.block(ann, lab.account("bob"))
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, SEARCH, q="apples")
    assert [post["record"]["text"] for post in page["posts"]] == ["red apples"]


async def test_a_search_that_takes_too_long_says_so(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scene(lab: IndexLab) -> None:
        ann = lab.account("ann")
        for number in range(300):
            lab.post(ann, f"post {number}")

    await house.write(scene)
    monkeypatch.setattr(search, "DEADLINE", -1.0)
    assert await house.refused(None, SEARCH, q="lang:xx") == (503, "ServiceUnavailable")


async def test_a_post_found_by_what_it_embeds_or_answers(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        root = lab.post(ann, "root")
        lab.quote(ann, root, "quote")
        lab.reply(ann, root, text="reply")
        return root["uri"]

    uri = await house.write(scene)
    for name, wanted in (
        ("embeddedAtUris", ["quote"]),
        ("replyParentUri", ["reply"]),
        ("threadRootUri", ["reply"]),
        ("excludeEmbeddedAtUris", ["reply", "root"]),
    ):
        value = [uri] if name.endswith("s") else uri
        page = await house.get(None, V2, **{name: value})
        assert [post["record"]["text"] for post in page["posts"]] == wanted, name
