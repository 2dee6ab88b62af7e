"""What a member keeps away: muted, blocked, reported."""

from tests.interop.official_client.scene import Scene

# What is chosen is kept when this was answered; loading a page before that would lose it.
KEPT = "**/xrpc/app.bsky.actor.putPreferences"


def walk(scene: Scene) -> None:
    """Go through these screens."""
    _mutes(scene)
    _reports(scene)
    _blocks(scene)
    _rules(scene)


def _mutes(scene: Scene) -> None:
    visit, bob = scene.visit, scene.bob
    with visit.screen("moderation", "the page is opened"):
        visit.go("/moderation")
        visit.shows("Moderation tools")
    with visit.screen("mute a word", "a word is muted; then home"):
        visit.id("mutedWordsBtn").click()
        visit.page.get_by_placeholder("Enter a word or tag").fill("midnight")
        with visit.page.expect_response(KEPT):
            visit.button("Add mute word with chosen settings").click()
        visit.settle()
        visit.go("/")
        visit.shows("The old clock ticks again.")
        visit.lacks("A tram at midnight")
    with visit.screen("mute a thread", "a thread is muted"):
        visit.go(scene.path("clock"))
        visit.id("postDropdownBtn").first.click()
        visit.id("postDropdownMuteThreadBtn").click()
        visit.shows("You will no longer receive notifications")
    with visit.screen("mute an account", "a member is muted"):
        visit.go(f"/profile/{bob.handle}")
        visit.id("profileHeaderDropdownBtn").click()
        visit.id("profileHeaderDropdownMuteBtn").click()
        visit.shows("Account muted")
    with visit.screen("muted accounts", "the list is opened"):
        visit.go("/moderation/muted-accounts")
        visit.shows("@bob.smith.home")


def _reports(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("report a post", "a post is reported to the network's own moderation"):
        visit.go(scene.path("clock"))
        visit.id("postDropdownBtn").first.click()
        visit.id("postDropdownReportBtn").click()
        visit.button("Create report for Other").click()
        visit.shows("Your report will be sent to")
        visit.button("Submit report").click()
        visit.button("Submit report").wait_for(state="detached")
        assert len(scene.house.reports()) == 1, "no report has come in"
        visit.saw("the report is in the network's inbox")


def _blocks(scene: Scene) -> None:
    visit, bob = scene.visit, scene.bob
    with visit.screen("block an account", "a member is blocked"):
        visit.go(f"/profile/{bob.handle}")
        visit.id("profileHeaderDropdownBtn").click()
        visit.id("profileHeaderDropdownBlockBtn").click()
        visit.id("confirmBtn").or_(visit.button("Block")).last.click()
        visit.shows("Account blocked")
        visit.shows("User Blocked")
        visit.shows("Posts hidden")
    with visit.screen("blocked accounts", "the list is opened"):
        visit.go("/moderation/blocked-accounts")
        visit.shows("@bob.smith.home")
    with visit.screen("block is taken back", "the member is let in again"):
        visit.go(f"/profile/{bob.handle}")
        visit.id("unblockBtn").first.click()
        visit.page.get_by_role("dialog").or_(
            visit.page.get_by_role("alertdialog")
        ).last.get_by_role("button", name="Unblock").click()
        visit.shows("Account unblocked")
        visit.shows("Look who is here.")


def _rules(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("who may answer, for all posts", "the page is opened"):
        visit.go("/moderation/interaction-settings")
        visit.shows("Post interaction settings")
    with visit.screen("adult content", "the switch is pressed; then loaded anew"):
        visit.go("/moderation")
        with visit.page.expect_response(KEPT):
            visit.text("Disabled", exact=True).first.click()
        visit.settle()
        visit.go("/moderation")
        visit.shows("Enabled")
    with visit.screen("the network's labeler", "its profile is opened"):
        visit.go("/profile/mod-authority.smith.home")
        visit.shows("Labels")
    with visit.screen("moderation lists", "a list is made"):
        visit.go("/moderation/modlists")
        visit.id("newModListBtn").click()
        visit.id("editListNameInput").fill("Salesmen")
        visit.id("editProfileSaveBtn").click()
        visit.shows("Salesmen")
        visit.shows("This list is empty")
