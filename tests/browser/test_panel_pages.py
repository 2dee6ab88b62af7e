"""Every page of the panel on a phone, light and dark: nothing sticks out, and axe is content."""

import re
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Page

from appliance.admin.app import OWNER_ONLY
from appliance.atproto.crypto import PrivateKey
from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import complaints_of_axe
from tests.browser.test_house_life import at_the_panel
from tests.support.client import PASSWORD, Operator, sign_in

pytestmark = pytest.mark.slow

# But for the changing parts of pages alone, and files.
PAGES = sorted(
    path
    for verb, path in OWNER_ONLY
    if verb == "GET" and not path.endswith(("/live", "/bundle", "/{name}", "/export"))
)

PHONES = (360, 390, 430, 500)


async def test_every_page_of_the_panel_is_usable_on_a_phone_and_in_the_dark(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await at_the_panel(page, network)
    async with ClientSession() as http:
        ann = await sign_in(http, network["pds_url"], "ann.test", "ann likes tea")
        await ann.write_post("A first post")
        gone = await gone_elsewhere(http, network)
    wrong: list[str] = []
    for width, dark in ((360, False), (1280, True)):
        async with open_browser(width=width, dark=dark) as page:
            await at_the_panel(page, network)
            for path in PAGES:
                who = gone if path.endswith("/kept") else ann.did
                wrong += await complaints(page, network["panel_url"], path, who)
    assert wrong == []


async def gone_elsewhere(http: ClientSession, network: dict[str, Any]) -> str:
    """Have somebody leave with a did:web of this network, whose name is kept from then on."""
    operator = Operator(http, network["pds_url"], network["admin_password"])
    given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}
    did: str = (await operator.post("internal.hearth.pds.openWebAccount", **given))["did"]
    leaver = await sign_in(http, network["pds_url"], "webby.test")
    await leaver.post("com.atproto.identity.requestPlcOperationSignature")
    [mail] = (await operator.get("internal.hearth.pds.listMail", limit=1))["mails"]
    [code] = re.findall(r"\b[A-Z2-7]{5}-[A-Z2-7]{5}\b", mail["body"])
    await leaver.post(
        "internal.hearth.pds.pointWebIdentity",
        token=code,
        endpoint="https://there.example.com",
        signingKey=PrivateKey.generate().public.did_key,
    )
    await operator.post("com.atproto.admin.deleteAccount", did=did)
    return did


async def complaints(page: Page, panel: str, path: str, did: str) -> list[str]:
    """What is wrong with a page: its status, what sticks out, what axe finds."""
    answer = await page.goto(panel + re.sub(r"\{did\}", did, path))
    found = [] if answer is not None and answer.status == 200 else [f"{path}: no page"]
    asked = page.viewport_size
    assert asked is not None
    for width in PHONES if asked["width"] == PHONES[0] else (asked["width"],):
        await page.set_viewport_size({**asked, "width": width})
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{path}: wider than a screen of {width}")
    await page.set_viewport_size(asked)
    return found + [f"{path}: {one}" for one in await complaints_of_axe(page)]
