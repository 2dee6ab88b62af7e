"""From the door to the first page: signing up, the first steps, home."""

from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import HANDLE, Scene
from tests.interop.official_client.visit import Visit


def walk(scene: Scene) -> None:
    """Go through these screens."""
    _door(scene.visit)
    _first_steps(scene.visit)
    _home(scene.visit)


def _door(visit: Visit) -> None:
    with visit.screen("open, signed out", "the client's address is opened"):
        visit.go("/")
        visit.button("Close welcome modal").wait_for()
        visit.shows("Create account")
    with visit.screen("front page of the signed-out", "the welcome is closed"):
        visit.button("Close welcome modal").click()
        visit.shows("The old clock ticks again.")
    with visit.screen("sign up: account", "e-mail, password and birthday are given"):
        visit.button("Create account").first.click()
        visit.id("emailInput").fill("ann@example.com")
        visit.id("passwordInput").fill(PASSWORD)
        visit.id("date").fill("1990-04-05")
        # The provider is this network's, without anybody having typed it.
        visit.shows("localhost:")
    with visit.screen("sign up: handle", "a handle is chosen"):
        visit.id("nextBtn").click()
        visit.id("handleInput").fill(HANDLE.partition(".")[0])
        visit.id("handleAvailableCheck").wait_for()
        visit.saw("the handle is free")


def _first_steps(visit: Visit) -> None:
    with visit.screen("onboarding: picture", "the account is made"):
        visit.id("nextBtn").click()
        visit.id("onboardingAvatarCreator").wait_for()
        visit.shows("Give your profile a face")
    with visit.screen("onboarding: interests", "no picture; one interest is ticked"):
        visit.id("onboardingContinue").click()
        visit.page.get_by_role("checkbox", name="Art").click()
        visit.shows("What are your interests?")
    with visit.screen("onboarding: suggestions", "on to people"):
        visit.id("onboardingContinue").click()
        visit.shows("Suggested for you")
        visit.shows("Bob")
    with visit.screen("onboarding: starter packs", "nobody is followed yet; on to starter packs"):
        visit.button("Continue", exact=False).click()
        visit.shows("Find people to follow")
    with visit.screen("onboarding: last words", "none is there yet; on"):
        visit.button("Continue", exact=False).click()
        visit.id("onboardingFinish").wait_for()
        visit.shows("Free your feed")


def _home(visit: Visit) -> None:
    with visit.screen("home, for the first time", "onboarding is completed", needed=True):
        visit.id("onboardingFinish").click()
        visit.id("onboardingFinish").click()
        visit.button("Complete onboarding and start using your account").click()
        visit.page.get_by_role("link", name="Home", exact=True).wait_for(timeout=30_000)
        visit.shows("Everyone here")
        visit.page.get_by_role("tab", name="Photos here").wait_for()
        visit.shows("A tram at midnight")
    with visit.screen("home: following nobody yet", "the tab Following is opened"):
        visit.page.get_by_role("tab", name="Following").click()
        visit.shows("Your following feed is empty")
    with visit.screen("home, loaded anew", "the page is loaded anew"):
        visit.go("/")
        visit.shows("Your following feed is empty")
