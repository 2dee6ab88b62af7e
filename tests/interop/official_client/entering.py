"""From the door to the first page: signing up, the first steps, home."""

from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import HANDLE, Scene


def walk(scene: Scene) -> None:
    """Go through these screens."""
    visit = scene.visit
    with visit.screen("open, signed out"):
        visit.go("/")
        visit.shows("Create account")
    with visit.screen("front page of the signed-out"):
        visit.button("Close welcome modal").click()
        visit.shows("The old clock ticks again.")
    with visit.screen("sign up: account"):
        visit.button("Create account").first.click()
        visit.id("emailInput").fill("ann@example.com")
        visit.id("passwordInput").fill(PASSWORD)
        visit.id("date").fill("1990-04-05")
        # The provider is this network's, without anybody having typed it.
        visit.shows("localhost:")
    with visit.screen("sign up: handle"):
        visit.id("nextBtn").click()
        visit.id("handleInput").fill(HANDLE.partition(".")[0])
        visit.id("handleAvailableCheck").wait_for()
    with visit.screen("onboarding: picture"):
        visit.id("nextBtn").click()
        visit.id("onboardingAvatarCreator").wait_for()
    with visit.screen("onboarding: interests"):
        visit.id("onboardingContinue").click()
        visit.page.get_by_role("checkbox", name="Art").click()
    with visit.screen("onboarding: suggestions"):
        visit.id("onboardingContinue").click()
        visit.shows("Suggested for you")
        visit.shows("Bob")
    with visit.screen("onboarding: starter packs"):
        visit.button("Continue", exact=False).click()
        visit.shows("Find people to follow")
    with visit.screen("onboarding: last words"):
        visit.button("Continue", exact=False).click()
        visit.id("onboardingFinish").wait_for()
    with visit.screen("home, for the first time", needed=True):
        visit.id("onboardingFinish").click()
        visit.id("onboardingFinish").click()
        visit.button("Complete onboarding and start using your account").click()
        visit.page.get_by_role("link", name="Home", exact=True).wait_for(timeout=30_000)
        visit.shows("Everyone here")
        visit.shows("A tram at midnight")
    with visit.screen("home: following nobody yet"):
        visit.page.get_by_role("tab", name="Following").click()
        visit.shows("Your following feed is empty")
    with visit.screen("home, loaded anew"):
        visit.go("/")
        visit.shows("Your following feed is empty")
