"""What takes a code from a mail: leaving for good, a forgotten password, an address."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Refused, join, sign_in, soon
from tests.support.smtp import SmtpStub, listening

CODE = re.compile(r"^ +([A-Z2-7]{5}-[A-Z2-7]{5})\r?$", re.MULTILINE)


class Mailbox:
    """What a network with a mail server has sent."""

    def __init__(self, appliance: Appliance, server: SmtpStub) -> None:
        self.appliance = appliance
        self._server = server

    async def code(self) -> str:
        """Wait for a mail; take the code out of it."""

        async def mails() -> list[str]:
            return self._server.mails

        found = CODE.search((await soon(mails, bool)).pop())
        assert found is not None
        return found[1]


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    server = SmtpStub()
    async with listening(server) as url:
        appliance = Appliance("--smtp", url)
        yield Mailbox(appliance, server)
        appliance.finish()


async def test_mailed_codes_open_what_they_are_for_and_only_once(
    mailbox: Mailbox, http: aiohttp.ClientSession
) -> None:
    base = mailbox.appliance.pds
    ann = await join(http, base, "ann")
    bob = await join(http, base, "bob")
    await address_is_confirmed(mailbox, ann)
    again = await password_is_reset(mailbox, ann)
    await account_is_deleted(mailbox, again, bob)


async def address_is_confirmed(mailbox: Mailbox, ann: Member) -> None:
    email = (await ann.get("com.atproto.server.getSession"))["email"]
    await ann.post("com.atproto.server.requestEmailConfirmation")
    code = await mailbox.code()
    with pytest.raises(Refused) as refused:
        await ann.post("com.atproto.server.confirmEmail", email=email, token="AAAAA-AAAAA")
    assert (refused.value.status, refused.value.error) == (400, "InvalidToken")
    await ann.post("com.atproto.server.confirmEmail", email=email, token=code.lower())
    assert (await ann.get("com.atproto.server.getSession"))["emailConfirmed"] is True


async def password_is_reset(mailbox: Mailbox, ann: Member) -> Member:
    email = (await ann.get("com.atproto.server.getSession"))["email"]
    stranger = Client(ann.http, ann.base)
    await stranger.post("com.atproto.server.requestPasswordReset", email=email)
    code = await mailbox.code()
    reset = "com.atproto.server.resetPassword"
    await stranger.post(reset, token=code, password="a second password")
    with pytest.raises(Refused) as refused:
        await stranger.post(reset, token=code, password="a third password")
    assert refused.value.error == "InvalidToken"
    with pytest.raises(Refused):
        await sign_in(ann.http, ann.base, ann.handle, PASSWORD)
    again = await sign_in(ann.http, ann.base, email.upper(), "a second password")
    assert again.did == ann.did
    with pytest.raises(Refused) as refused:
        await ann.post("com.atproto.server.requestAccountDelete")
    assert refused.value.error == "ExpiredToken"
    return again


async def account_is_deleted(mailbox: Mailbox, ann: Member, bob: Member) -> None:
    await bob.follow(ann)
    post = await ann.write_post("the last")
    await bob.sees(post)
    await ann.post("com.atproto.server.requestAccountDelete")
    code = await mailbox.code()
    stranger = Client(ann.http, ann.base)
    delete = "com.atproto.server.deleteAccount"
    for password, token, wanted in (
        ("a guess", code, (401, "AuthenticationRequired")),
        ("a second password", "AAAAA-AAAAA", (400, "InvalidToken")),
    ):
        with pytest.raises(Refused) as refused:
            await stranger.post(delete, did=ann.did, password=password, token=token)
        assert (refused.value.status, refused.value.error) == wanted
    await bob.sees(post)
    await stranger.post(delete, did=ann.did, password="a second password", token=code)
    await bob.misses(post)
    with pytest.raises(Refused) as refused:
        await stranger.get("com.atproto.sync.getLatestCommit", did=ann.did)
    assert refused.value.error == "RepoNotFound"
