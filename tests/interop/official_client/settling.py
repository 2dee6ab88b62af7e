"""Settings, and leaving."""

from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import HANDLE, Scene

# Each page of the settings with something that is to be seen on it.
PAGES = {
    "": "Appearance",
    "/account": "ann@example.com",
    "/privacy-and-security": "App passwords",
    "/privacy-and-security/activity": "Allow others to be notified",
    "/content-and-media": "Thread preferences",
    "/interests": "Your interests",
    "/following-feed": "Show replies",
    "/threads": "Sort replies",
    "/external-embeds": "YouTube",
    "/appearance": "Colour mode",
    "/accessibility": "Alt text",
    "/language": "App language",
    "/about": "Version",
}


def walk(scene: Scene) -> None:
    """Go through these screens."""
    visit = scene.visit
    for path, text in PAGES.items():
        with visit.screen(f"settings: {path.strip('/') or 'all'}", "the page is opened"):
            visit.go(f"/settings{path}")
            visit.shows(text)
    with visit.screen("app password", "an app password is made"):
        visit.go("/settings/app-passwords")
        visit.button("Add App Password", exact=False).first.click()
        visit.page.get_by_placeholder("Unique name", exact=False).or_(
            visit.page.get_by_role("dialog").get_by_role("textbox")
        ).first.fill("other client")
        visit.button("Next", exact=False).last.click()
        visit.shows("Here is your app password")
        visit.button("Done").click()
        visit.shows("other client")
    with visit.screen("sign out", "out, from the settings"):
        visit.go("/settings")
        visit.button("Sign out").click()
        visit.button("Sign out").last.click()
        visit.shows("Sign in")
    with visit.screen("sign in again", "name and password are given"):
        visit.go("/")
        visit.button("Sign in").first.click()
        visit.settle()
        if visit.id("loginUsernameInput").count() == 0:
            visit.id(f"chooseAccountBtn-{HANDLE}").or_(
                visit.id("chooseAddAccountBtn")
            ).first.click()
        visit.id("loginUsernameInput").fill(HANDLE.partition(".")[0])
        visit.id("loginPasswordInput").fill(PASSWORD)
        visit.id("loginNextButton").click()
        visit.page.get_by_role("link", name="Home", exact=True).wait_for()
        visit.shows("Everyone here")
