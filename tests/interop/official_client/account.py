"""One's own account: name, e-mail, password, a copy, pausing, and the end."""

from pathlib import Path

from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import HANDLE, Scene
from tests.interop.official_client.visit import Visit
from tests.support.appliance import wait_until

EMAIL = "ann@example.com"
NEW_EMAIL = "ann.smith@example.com"
NEW_HANDLE = "anna.smith.home"
NEW_PASSWORD = "a horse of another colour"


def walk(scene: Scene) -> None:
    """Go through these screens."""
    _email(scene)
    _second_step(scene)
    _names(scene)
    _pause(scene)
    _end(scene)


def sign_in(visit: Visit, name: str, password: str) -> None:
    """Fill in the form that the client shows to those who come back."""
    visit.go("/")
    visit.page.wait_for_timeout(1500)  # a welcome comes late, and is shown to newcomers only
    visit.button("Sign in").last.click()
    visit.settle()
    if visit.id("loginUsernameInput").count() == 0:
        visit.id("chooseAddAccountBtn").or_(visit.id(f"chooseAccountBtn-{name}")).first.click()
    visit.id("loginUsernameInput").fill(name)
    visit.id("loginPasswordInput").fill(password)
    visit.id("loginNextButton").click()


def is_home(visit: Visit) -> None:
    """Wait until somebody is signed in."""
    visit.page.get_by_role("link", name="Home", exact=True).wait_for()
    visit.shows("What's up?")


def sign_out(visit: Visit) -> None:
    visit.go("/settings")
    visit.button("Sign out").first.click()
    visit.asked("Sign out")
    visit.shows("Sign in")


def _settings(visit: Visit, entry: str) -> None:
    visit.go("/settings/account")
    visit.page.get_by_role("button", name=entry, exact=True).or_(
        visit.page.get_by_label(entry, exact=True)
    ).locator("visible=true").first.click()


def _email(scene: Scene) -> None:
    visit, code = scene.visit, scene.house.code_mailed_to
    with visit.screen("account: e-mail is verified", "the mailed code is asked for and given"):
        _settings(visit, "Verify your email")
        visit.button("Send verification email").click()
        visit.shows("Email sent!")
        visit.page.get_by_label("Enter code").click()
        visit.page.get_by_label("Confirmation code").fill(code(EMAIL))
        visit.asked("Verify code")
        visit.shows("Email verification complete!")
        visit.button("Done").click()
    with visit.screen("account: another e-mail", "a new address is given, with the mailed code"):
        _settings(visit, "Update email")
        visit.page.get_by_label("New email address").fill(NEW_EMAIL)
        visit.button("Update email").last.click()
        visit.shows("Security step required")
        visit.page.get_by_label("Confirmation code").fill(code(EMAIL))
        visit.button("Update email").last.click()
        visit.shows("Success!")
        visit.go("/settings/account")
        visit.shows(NEW_EMAIL)


def _second_step(scene: Scene) -> None:
    visit, code = scene.visit, scene.house.code_mailed_to
    with visit.screen("account: a code at sign-in", "the new address is verified; codes wanted"):
        _settings(visit, "Verify your email")
        visit.button("Send verification email").click()
        visit.shows("Email sent!")
        visit.page.get_by_label("Enter code").click()
        visit.page.get_by_label("Confirmation code").fill(code(NEW_EMAIL))
        visit.asked("Verify code")
        visit.shows("Email verification complete!")
        visit.button("Done").click()
        visit.go("/settings/privacy-and-security")
        visit.button("Enable").or_(visit.page.get_by_label("Enable")).first.click()
        visit.asked("Enable")
        visit.go("/settings/privacy-and-security")
        visit.shows("Change")
    with visit.screen("sign in with a code", "out and in again, with the code that is mailed"):
        sign_out(visit)
        sign_in(visit, HANDLE, PASSWORD)
        _give_code(scene)
        visit.saw("the code is asked for")
        visit.shows("Everyone here")


def _give_code(scene: Scene) -> None:
    scene.visit.id("loginAuthFactorTokenInput").wait_for()
    code = scene.house.code_mailed_to(NEW_EMAIL)
    scene.visit.id("loginAuthFactorTokenInput").fill(code)
    scene.visit.id("loginNextButton").click()


def _names(scene: Scene) -> None:
    visit, code = scene.visit, scene.house.code_mailed_to
    with visit.screen("account: another handle", "a new handle is given"):
        _settings(visit, "Handle")
        visit.page.get_by_placeholder("e.g. alice").fill("anna")
        visit.button("Save new handle").click()
        visit.button("Save new handle").wait_for(state="detached")
        visit.go(f"/profile/{NEW_HANDLE}")
        visit.shows(f"@{NEW_HANDLE}")
    with visit.screen("account: another password", "a new password is given, with the mailed code"):
        _settings(visit, "Password")
        visit.button("Request code").click()
        visit.button("Change password").wait_for()
        visit.page.get_by_label("Confirmation code").fill(code(NEW_EMAIL))
        visit.page.get_by_label("New password").fill(NEW_PASSWORD)
        visit.button("Change password").last.click()
        visit.shows("Password changed")
    with visit.screen("account: in again", "a new password ends all sessions; in with the new one"):
        sign_in(visit, NEW_HANDLE, NEW_PASSWORD)
        _give_code(scene)
        visit.shows("Everyone here")
    with visit.screen("account: a copy", "the repository is downloaded"):
        _settings(visit, "Export my data")
        with visit.page.expect_download() as download:
            visit.button("Download profile data").click()
        kept = Path(download.value.path()).read_bytes()
        assert b"app.bsky.actor.profile" in kept, "the copy does not hold the profile"
        visit.saw(f"a file `{download.value.suggested_filename}` with the profile in it")


def _pause(scene: Scene) -> None:
    visit, bob = scene.visit, scene.bob
    with visit.screen("account: paused", "the account is deactivated"):
        ann = bob.get("com.atproto.identity.resolveHandle", handle=NEW_HANDLE)["did"]
        _settings(visit, "Deactivate account")
        visit.button("Yes, deactivate").click()
        visit.button("Sign in").first.wait_for()
        wait_until(lambda: bob.finds(ann) is False, "nobody else sees the account")
        visit.saw("others do not see the account")
    with visit.screen("account: awake again", "in again, with the new name and password"):
        visit.settle()
        sign_in(visit, NEW_HANDLE, NEW_PASSWORD)
        _give_code(scene)
        visit.shows("Welcome back!")
        visit.button("Reactivate your account").or_(
            visit.page.get_by_label("Reactivate your account")
        ).first.click()
        visit.shows("Everyone here")
        wait_until(lambda: bob.finds(ann), "others see the account again")
        visit.saw("others see the account again")


def _end(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("account: deleted", "the account is deleted, with the mailed code"):
        _settings(visit, "Delete account")
        visit.button("Send email").click()
        visit.button("Delete my account").wait_for()
        visit.page.get_by_label("Confirmation code").fill(scene.house.code_mailed_to(NEW_EMAIL))
        visit.id("newPasswordInput").or_(visit.page.get_by_label("Enter your password")).last.fill(
            NEW_PASSWORD
        )
        visit.button("Delete my account").click()
        visit.button("Yes, delete my account").click()
        visit.shows("Create account")
        wait_until(lambda: scene.bob.finds(NEW_HANDLE) is False, "nobody else sees the account")
        visit.saw("nobody else sees the account any more")
