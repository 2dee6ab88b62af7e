"""What a member reads: others' profiles, notifications, search, lists, packs, feeds."""

import re

from tests.interop.official_client.scene import HANDLE, Scene


def walk(scene: Scene) -> None:
    """Go through these screens."""
    _people(scene)
    _notifications(scene)
    _search(scene)
    _lists(scene)
    _packs(scene)
    _feeds(scene)


def _people(scene: Scene) -> None:
    visit, bob = scene.visit, scene.bob.handle
    with visit.screen("somebody's profile", "another member's profile is opened"):
        visit.go(f"/profile/{bob}")
        visit.shows("I repair clocks.")
    with visit.screen("follow", "the member is followed"):
        visit.page.get_by_label("Follow Bob").first.click()
        visit.page.get_by_label("Unfollow").first.wait_for()
        visit.shows("Following Bob")
    with visit.screen("home, with somebody followed", "the tab Following is opened"):
        visit.go("/")
        visit.page.get_by_role("tab", name="Following").click()
        visit.shows("A tram at midnight")
    with visit.screen("followers", "a list of followers is opened"):
        visit.go(f"/profile/{bob}/followers")
        visit.shows(HANDLE)
    with visit.screen("follows", "the list of those one follows is opened"):
        visit.go(f"/profile/{HANDLE}/follows")
        visit.shows("@bob.smith.home")
    with visit.screen("own profile, tab by tab", "each tab is opened"):
        visit.go(f"/profile/{HANDLE}")
        for tab in ("Replies", "Media", "Videos", "Likes", "Feeds", "Starter Packs", "Lists"):
            visit.page.get_by_role("tab", name=tab).click()
            visit.settle()
        visit.shows("You haven't created any lists yet")
    with visit.screen("edit profile", "name and description are changed"):
        visit.id("profileHeaderEditProfileButton").click()
        visit.id("editProfileDisplayNameInput").fill("Ann")
        visit.id("editProfileDescriptionInput").fill("Mostly about trams.")
        visit.id("editProfileSaveBtn").click()
        visit.id("editProfileSaveBtn").wait_for(state="detached")
        visit.settle()
        visit.go(f"/profile/{HANDLE}")
        visit.shows("Mostly about trams.")


def _notifications(scene: Scene) -> None:
    visit, bob = scene.visit, scene.bob
    ann = scene.ann_did
    bob.write("app.bsky.graph.follow", subject=ann)
    feed = bob.get("app.bsky.feed.getAuthorFeed", actor=ann, filter="posts_no_replies")["feed"]
    first = next(row["post"] for row in feed if row["post"]["record"]["text"].startswith("Hello"))
    subject = {"uri": first["uri"], "cid": first["cid"]}
    scene.made["hello"] = subject
    bob.write("app.bsky.feed.like", subject=subject)
    bob.write("app.bsky.feed.repost", subject=subject)
    bob.say("Welcome, Ann!", reply={"root": subject, "parent": subject})
    quoted = {"$type": "app.bsky.embed.record", "record": subject}
    bob.say("Look who is here.", embed=quoted)
    with visit.screen(
        "notifications",
        "another member follows, likes, reposts, answers and quotes",
    ):
        visit.go("/notifications")
        for words in ("liked your post", "reposted your post", "followed you"):
            visit.shows(words)
        visit.shows("Welcome, Ann!")
    with visit.screen("mentions", "the tab Mentions is opened"):
        visit.page.get_by_role("tab", name="Mentions").click()
        visit.shows("Welcome, Ann!")
    with visit.screen("notification settings", "the list is opened"):
        visit.go("/settings/notifications")
        visit.shows("Likes")
    with visit.screen(
        "notification settings: likes",
        "likes are to be told only of people followed; loaded anew",
    ):
        visit.text("Likes", exact=True).click()
        visit.page.get_by_role("radio", name="People I follow").click()
        visit.settle()
        visit.go("/settings/notifications")
        visit.text("Likes", exact=True).click()
        visit.page.get_by_role("radio", name="People I follow", checked=True).wait_for()
        visit.saw("“People I follow”, chosen")


def _search(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("explore", "the search page is opened"):
        visit.go("/search")
        visit.shows("Suggested accounts")
    with visit.screen("search: as one types", "two letters are typed"):
        visit.page.get_by_placeholder("Search for posts, users, or feeds").fill("bo")
        visit.id("searchAutoCompleteResult-bob.smith.home").first.wait_for()
        visit.saw("Bob among the suggestions")
    with visit.screen("search: people", "a name is looked for"):
        visit.go("/search?q=bob")
        visit.page.get_by_role("tab", name="People").click()
        visit.shows("@bob.smith.home")
    with visit.screen("search: posts", "a word is looked for, best and newest first"):
        visit.go("/search?q=midnight")
        visit.shows("A tram at midnight")
        visit.page.get_by_role("tab", name="Latest").click()
        visit.shows("A tram at midnight")
    with visit.screen("hashtag", "a hashtag is opened"):
        visit.go("/hashtag/clocks")
        visit.shows("The old clock ticks again.")


def _lists(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("lists", "the page of lists is opened"):
        visit.go("/lists")
        visit.id("newUserListBtn").wait_for()
        visit.shows("Lists allow you to see content")
    with visit.screen("new list", "a list is made"):
        visit.id("newUserListBtn").click()
        visit.id("editListNameInput").fill("Neighbours")
        visit.id("editListDescriptionInput").fill("From this street")
        visit.id("editProfileSaveBtn").click()
        visit.shows("Neighbours")
        visit.settle()
    with visit.screen("somebody is put on a list", "a member is put on it, from the profile"):
        visit.go(f"/profile/{scene.bob.handle}")
        visit.id("profileHeaderDropdownBtn").click()
        visit.id("profileHeaderDropdownListAddRemoveBtn").click()
        visit.id("toggleBtn-Neighbours").get_by_role("button").last.click()
        visit.shows("Added to list")
        visit.id("doneBtn").click()
    with visit.screen("list: posts and people", "the list is opened, tab by tab"):
        visit.go("/lists")
        visit.text("Neighbours").first.click()
        visit.shows("A tram at midnight")
        visit.page.get_by_role("tab", name="People").click()
        visit.shows("@bob.smith.home")


def _packs(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("starter pack: a new one", "a starter pack is begun"):
        visit.go("/starter-pack/create")
        visit.button("Next").click()
        visit.shows("Add 7 more to continue")
    with visit.screen("starter pack: people", "seven people are chosen"):
        search = visit.page.get_by_placeholder("Search").first
        for handle in scene.street:
            search.fill(handle)
            visit.page.get_by_label(re.compile(handle)).first.click()
        visit.button("Next").click()
        visit.shows("Add some feeds")
    with visit.screen("starter pack: made", "no feeds; the pack is made"):
        visit.button("Finish").or_(visit.button("Skip")).first.click()
        visit.shows("Starter Pack")
        visit.settle()
    with visit.screen("starter packs of somebody", "the profile's tab is opened"):
        visit.go(f"/profile/{HANDLE}")
        visit.page.get_by_role("tab", name="Starter Packs").click()
        visit.shows("Ann's Starter Pack")


def _feeds(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("feeds", "the page of feeds is opened"):
        visit.go("/feeds")
        visit.shows("Discover New Feeds")
        visit.shows("Photos here")
    with visit.screen("feed", "one of them is opened"):
        visit.text("Photos here").first.click()
        visit.shows("Look at this.")
    with visit.screen("saved feeds", "the list of one's own feeds is opened"):
        visit.go("/settings/saved-feeds")
        visit.shows("Photos here")
    with visit.screen("chat", "the page of chats is opened"):
        visit.go("/messages")
        visit.shows("Inbox empty")
