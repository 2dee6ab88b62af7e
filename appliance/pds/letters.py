"""The mails this server writes: a subject and a plain text each."""

from dataclasses import dataclass

from appliance.pds.accounts import Account
from appliance.pds.email_tokens import EmailTokens, Purpose
from appliance.pds.mailer import Mailer


@dataclass(frozen=True)
class Letter:
    """What a mail says."""

    subject: str
    body: str


_PURPOSES: dict[Purpose, tuple[str, str]] = {
    "confirm_email": ("Confirm your address", "confirm that this address is yours"),
    "update_email": ("Change your address", "change the address of your account"),
    "reset_password": ("Reset your password", "choose a new password"),
    "delete_account": ("Delete your account", "delete your account and all it holds, for good"),
    "plc_operation": ("Move or change your identity", "have a change of your identity signed"),
    "sign_in": ("Your code to sign in", "sign in with your password"),
}


def code_letter(purpose: Purpose, handle: str, code: str) -> Letter:
    """The mail that carries a code."""
    subject, aim = _PURPOSES[purpose]
    body = (
        f"Hello {handle},\n\n"
        f"somebody, we hope you, asked to {aim}.\n"
        f"The code for it is:\n\n    {code}\n\n"
        "It is good for 15 minutes and for one use. If you did not ask for it, do nothing:\n"
        "without the code nothing happens.\n"
    )
    return Letter(subject, body)


def second_steps_removed(handle: str) -> Letter:
    """Tells a member that the operator has let the password do alone."""
    return Letter(
        "Your second steps were removed",
        f"Hello {handle},\n\n"
        "whoever runs your network has removed the second steps and passkeys of your account.\n"
        "Your password does alone now. If you did not ask for that, change your password and\n"
        "ask them.\n",
    )


def address_changed(handle: str, email: str) -> Letter:
    """Tells the old address, so that nobody loses an account unawares."""
    return Letter(
        "Your address was changed",
        f"Hello {handle},\n\n"
        f"the address of your account is now {email}.\n"
        "If that was not you, ask whoever runs your network at once.\n",
    )


def browser_signed_in(handle: str, browser: str) -> Letter:
    """Tells a member of a browser that was not signed in before."""
    return Letter(
        "A new browser is signed in",
        f"Hello {handle},\n\n"
        f"somebody, we hope you, signed in with {browser}, which was not signed in before.\n"
        "If that was not you, choose a new password at once: it signs everybody else out.\n",
    )


def app_let_in(handle: str, origin: str) -> Letter:
    """Tells a member of an app that was not let in before."""
    return Letter(
        "An app was let in",
        f"Hello {handle},\n\n"
        f"somebody, we hope you, let an app in that was not let in before: {origin}\n"
        "What it may do stands on your account page, where you can shut it out again.\n",
    )


class CodeMail:
    """Send somebody a code that proves that they read the account's mail."""

    def __init__(self, tokens: EmailTokens, mailer: Mailer) -> None:
        self._tokens = tokens
        self._mailer = mailer

    async def send(self, account: Account, purpose: Purpose) -> None:
        code = await self._tokens.issue(account.did, purpose)
        letter = code_letter(purpose, account.handle, code)
        await self._mailer.send(account.did, account.email, letter.subject, letter.body)
