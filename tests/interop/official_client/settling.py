"""Settings, and leaving."""

from tests.interop.official_client.account import sign_in, sign_out
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
        sign_out(visit)
    with visit.screen("sign in again", "name and password are given"):
        sign_in(visit, HANDLE.partition(".")[0], PASSWORD)
        visit.shows("Everyone here")
