"""A child before the client: what a guardian has fixed holds, whatever is pressed."""

from tests.interop.official_client.account import is_home, sign_in
from tests.interop.official_client.moderating import KEPT
from tests.interop.official_client.neighbour import PASSWORD, Neighbour
from tests.interop.official_client.scene import Scene
from tests.interop.official_client.visit import Visit

NAME = "kit"
WORD = "poker"


def walk(scene: Scene) -> None:
    """Go through these screens."""
    kit = scene.bob.neighbour(f"{NAME}.smith.home")
    scene.bob.say(f"A round of {WORD}, who is in?")
    scene.bob.say("A round of chess, who is in?")
    _let_choose(scene, kit)
    with scene.visit.another() as visit:
        _first_look(visit)
        _adult_content(visit)
        _muted_words(visit)
        _grown_up(scene, kit, visit)


def _let_choose(scene: Scene, kit: Neighbour) -> None:
    """Have the account looked after: grown up by its own word, then by the owner's not."""
    personal = {
        "$type": "app.bsky.actor.defs#personalDetailsPref",
        "birthDate": "1990-04-05T00:00:00.000Z",
    }
    adult = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}
    kit.post("app.bsky.actor.putPreferences", {"preferences": [personal, adult]})
    fixed = {"birthDate": "1995-03-28", "adultContent": False, "mutedWords": [WORD]}
    scene.house.look_after(kit.did, **fixed)


def _first_look(visit: Visit) -> None:
    with visit.screen("looked after: home", "a child signs in", needed=True):
        sign_in(visit, NAME, PASSWORD)
        is_home(visit)
        visit.go("/")
        visit.shows("A round of chess")
        visit.lacks(f"A round of {WORD}")


def _adult_content(visit: Visit) -> None:
    with visit.screen("looked after: adult content", "the switch is pressed; then loaded anew"):
        _press_adult_content(visit)
        visit.shows("Disabled")
        visit.lacks("Enabled")


def _muted_words(visit: Visit) -> None:
    with visit.screen("looked after: muted words", "the word is taken away; then loaded anew"):
        _open_muted_words(visit)
        visit.button("Remove mute word from your list").click()
        with visit.page.expect_response(KEPT):
            visit.asked("Remove")
        visit.settle()
        _open_muted_words(visit)
        visit.shows(WORD)


def _grown_up(scene: Scene, kit: Neighbour, visit: Visit) -> None:
    with visit.screen("looked after: handed over", "the switch is pressed; then loaded anew"):
        scene.house.hand_over(kit.did)
        _press_adult_content(visit)
        visit.shows("Enabled")


def _press_adult_content(visit: Visit) -> None:
    visit.go("/moderation")
    with visit.page.expect_response(KEPT):
        visit.text("Disabled", exact=True).first.click()
    visit.settle()
    visit.go("/moderation")


def _open_muted_words(visit: Visit) -> None:
    visit.go("/moderation")
    visit.id("mutedWordsBtn").click()
