"""Two members, each in a browser of her own: what one does, the other sees."""

import re

from tests.interop.official_client.account import is_home, sign_in
from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import HANDLE, Scene
from tests.interop.official_client.visit import Visit
from tests.interop.official_client.writing import compose, publish

CLEO = "cleo.smith.home"
# The client looks for notifications every 30 s, and for new posts every minute.
A_MINUTE = 75_000


def walk(scene: Scene) -> None:
    """Go through these screens; Ann is at the first browser, Cleo at the second."""
    ann = scene.visit
    with ann.another() as cleo:
        _arrives(ann, cleo)
        _told(ann, cleo)
        _gates(scene, ann, cleo)
        _kept_away(ann, cleo)


def _arrives(ann: Visit, cleo: Visit) -> None:
    with ann.screen(
        "two: the second signs in", "Cleo, whose account the operator made, signs in", needed=True
    ):
        sign_in(cleo, CLEO, PASSWORD)
        cleo.shows("we need to know your birthdate")
    with ann.screen("two: her birthday", "she gives it, which is asked once", needed=True):
        cleo.text("Add your birthdate", exact=True).click()
        cleo.id("birthdayInput").or_(cleo.page.locator("input[type=date]")).last.fill("1991-02-03")
        cleo.button("Save birthdate").click()
        is_home(cleo)
        cleo.shows("We ran out of posts from your follows.")
        cleo.shows("The old clock ticks again.")


def follow(visit: Visit, handle: str) -> None:
    visit.go(f"/profile/{handle}")
    visit.page.get_by_label(re.compile("^Follow ")).first.click()
    visit.page.get_by_label("Unfollow").first.wait_for()


def _told(ann: Visit, cleo: Visit) -> None:
    with ann.screen("two: a badge", "each follows the other; Ann posts; Cleo only waits"):
        follow(cleo, HANDLE)
        cleo.go("/")
        follow(ann, CLEO)
        ann.go("/")
        compose(ann, "Who is awake?")
        publish(ann)
        badge = cleo.page.get_by_role("link", name="Notifications").get_by_text("1", exact=True)
        badge.wait_for(timeout=A_MINUTE)
        cleo.saw("“1” beside Notifications")
    with ann.screen("two: new posts", "Cleo waits on, and presses what then appears"):
        cleo.id("loadLatestBtn").or_(cleo.button("Load new posts")).first.wait_for(timeout=A_MINUTE)
        cleo.saw("“Load new posts”")
        cleo.id("loadLatestBtn").or_(cleo.button("Load new posts")).first.click()
        cleo.shows("Who is awake?")
    with ann.screen("two: an answer", "Cleo answers and likes; Ann opens her notifications"):
        cleo.text("Who is awake?").first.click()
        cleo.id("likeBtn").first.click()
        cleo.shows("1 like")
        cleo.id("replyBtn").first.click()
        cleo.page.locator("[contenteditable=true]").last.fill("I am.")
        publish(cleo)
        cleo.shows("I am.")
        ann.go("/notifications")
        ann.shows("liked your post")
        ann.shows("I am.")


def _gates(scene: Scene, ann: Visit, cleo: Visit) -> None:
    thread = _open_own(ann, "Who is awake?")
    with ann.screen("two: an answer is hidden", "Ann hides the answer for everyone"):
        ann.id("postDropdownBtn").nth(1).click()
        ann.item("Hide reply for everyone").click()
        ann.asked("Yes, hide")
        ann.shows("Reply was successfully hidden")
        third = scene.bob.neighbour("lena.smith.home")
        tree = third.get("app.bsky.unspecced.getPostThreadV2", anchor=thread)
        assert tree["hasOtherReplies"], "the answer is not behind “Show more replies”"
        assert "I am." not in str(tree["thread"])
        ann.saw("a third member finds it only behind “Show more replies”")
    with ann.screen("two: no more answers", "Ann ends the talk; Cleo opens it"):
        ann.id("postDropdownBtn").first.click()
        ann.item("Edit interaction settings").click()
        ann.page.get_by_label("Disable replies entirely").click()
        ann.button("Save").click()
        ann.shows("Replies disabled")
        cleo.go(_path(thread))
        cleo.shows("Replies disabled")
    with ann.screen("two: a quote is detached", "Cleo quotes the post; Ann takes it out of there"):
        cleo.id("repostBtn").first.click()
        cleo.id("repostDropdownQuoteBtn").click()
        cleo.page.locator("[contenteditable=true]").last.fill("She is.")
        publish(cleo)
        ann.go(f"{_path(thread)}/quotes")
        ann.shows("She is.")
        ann.id("postDropdownBtn").first.click()
        ann.item("Detach quote").click()
        ann.asked("Yes, detach")
        ann.shows("Quote post was successfully detached")
        cleo.go(f"/profile/{CLEO}")
        cleo.shows("Removed by author")


def _kept_away(ann: Visit, cleo: Visit) -> None:
    with ann.screen("two: a list is muted", "Ann puts Cleo on a list and mutes it; then home"):
        ann.go("/moderation/modlists")
        ann.id("newModListBtn").click()
        ann.id("editListNameInput").fill("Night owls")
        ann.id("editProfileSaveBtn").click()
        ann.shows("This list is empty")
        ann.text("Start adding people!").click()
        ann.page.get_by_placeholder("Search").last.fill("cleo")
        ann.page.get_by_label("Add user to list").or_(ann.button("Add")).first.click()
        ann.page.keyboard.press("Escape")
        ann.id("subscribeBtn").click()
        ann.item("Mute accounts").click()
        ann.asked("Mute list")
        ann.shows("Unmute")
        ann.go("/")
        ann.page.get_by_role("tab", name="Everyone here").click()
        ann.shows("Who is awake?")
        ann.lacks("She is.")
    with ann.screen("two: muted by a list", "Ann opens Cleo's profile"):
        ann.go(f"/profile/{CLEO}")
        ann.shows("Muted by “Night owls”".replace("“", '"').replace("”", '"'))
    with ann.screen("two: blocked", "Ann blocks Cleo; Cleo opens Ann's profile and post"):
        ann.id("profileHeaderDropdownBtn").click()
        ann.id("profileHeaderDropdownBlockBtn").click()
        ann.asked("Block")
        ann.shows("Account blocked")
        cleo.go(f"/profile/{HANDLE}")
        cleo.shows("User Blocking You")
        cleo.go("/")
        cleo.shows("What's up?")
        cleo.lacks("Who is awake?")


def _open_own(visit: Visit, text: str) -> str:
    """Open a post of one's own; give its address in the protocol."""
    visit.go(f"/profile/{HANDLE}")
    visit.text(text).first.click()
    visit.id("replyBtn").first.wait_for()
    visit.settle()
    rkey = visit.page.url.rpartition("/")[2]
    return f"at://{HANDLE}/app.bsky.feed.post/{rkey}"


def _path(uri: str) -> str:
    handle, _, rest = uri.removeprefix("at://").partition("/")
    return f"/profile/{handle}/post/{rest.rpartition('/')[2]}"
