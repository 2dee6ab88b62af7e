"""The screens a member sees most, on a phone."""

from typing import Any, Final

from tests.interop.official_client.account import sign_in
from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import Scene
from tests.interop.official_client.visit import Visit
from tests.interop.official_client.writing import publish

WIDTH: Final = 390
LOOK: Final[dict[str, Any]] = {
    "viewport": {"width": WIDTH, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


def walk(scene: Scene) -> None:
    """Go through these screens; Dora is at the phone."""
    visit, bob = scene.visit, scene.bob.handle
    with visit.another(**LOOK) as phone:
        with visit.screen("phone: sign in", "name, password and birthday are given", needed=True):
            sign_in(phone, "dora", PASSWORD)
            phone.text("Add your birthdate", exact=True).click()
            phone.page.locator("input[type=date]").last.fill("1989-07-06")
            phone.button("Save birthdate").click()
            phone.button("Compose new post").or_(phone.id("composeFAB")).first.wait_for()
            _fits(phone)
        with visit.screen("phone: home", "home is opened"):
            _opens(phone, "/", "The old clock ticks again.")
        with visit.screen("phone: a thread", "a post is opened"):
            _opens(phone, scene.path("clock"), "Everybody can reply")
        with visit.screen("phone: a profile", "a profile is opened"):
            _opens(phone, f"/profile/{bob}", "I repair clocks.")
        with visit.screen("phone: notifications", "the page is opened"):
            _opens(phone, "/notifications", "Mentions")
        with visit.screen("phone: search", "a name is looked for"):
            _opens(phone, "/search?q=bob", "People")
        with visit.screen("phone: post", "a text is posted"):
            phone.go("/")
            phone.button("Compose new post").or_(phone.id("composeFAB")).last.click()
            phone.page.locator("[contenteditable=true]").last.fill("From the kitchen.")
            _fits(phone)
            publish(phone)
            phone.go("/profile/dora.smith.home")
            phone.shows("From the kitchen.")
            _fits(phone)


def _opens(phone: Visit, path: str, text: str) -> None:
    phone.go(path)
    phone.shows(text)
    _fits(phone)


def _fits(phone: Visit) -> None:
    """Check that nothing is wider than the phone."""
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= WIDTH, f"the page is {width} px wide"
