"""Members' pages in a browser: passkeys, the recovery key, without script, and for everybody."""

import asyncio
import json
import re
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import segno
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from appliance.atproto.crypto import PrivateKey
from tests.browser.conftest import OpenBrowser, running, shoot
from tests.browser.test_first_light import by_mouse, look
from tests.support.appliance import ROOT
from tests.support.client import Operator
from tests.support.node import node, run_script

pytestmark = pytest.mark.slow

PASSWORD = "correct horse"
AXE = ROOT / "tests" / "interop" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")
PAGES = (
    "",
    "/profile",
    "/appview",
    "/handle",
    "/handle?domain=ann.example",
    "/email",
    "/password",
    "/second-steps",
    "/apps",
    "/recovery",
    "/data",
    "/leave",
    "/move",
    "/prove",
    "/sign-in",
    "/forgotten",
    "/nothing",
)


@pytest.fixture(scope="module")
def network() -> Iterator[dict[str, Any]]:
    """Run `hearth try` once for all of these; everybody's name is their test's."""
    yield from running(bare=True)


def sign_up(network: dict[str, Any], name: str) -> str:
    """Open an account; give its DID."""
    account = {"handle": f"{name}.test", "email": f"{name}@example.com", "password": PASSWORD}
    request = urllib.request.Request(  # noqa: S310
        f"{network['pds_url']}/xrpc/com.atproto.server.createAccount",
        data=json.dumps(account).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return str(json.load(answer)["did"])


def rotation_keys(network: dict[str, Any], did: str) -> list[str]:
    """What the directory says."""
    url = f"{network['plc_url']}/{did}/data"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        keys: list[str] = json.load(answer)["rotationKeys"]
    return keys


async def sign_in(page: Page, network: dict[str, Any], name: str) -> None:
    await page.goto(f"{network['pds_url']}/account")
    await page.get_by_label("Name or e-mail address").fill(f"{name}.test")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"@{name}.test")


async def add_authenticator(page: Page, *, user_verified: bool = True) -> None:
    """Give the browser a virtual authenticator, by the DevTools protocol."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    await devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": user_verified,
                "automaticPresenceSimulation": True,
            }
        },
    )


async def complaints_of_axe(page: Page) -> list[str]:
    """What axe finds serious on a page. Its own script is no part of the page's policy."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    asked = {
        "expression": "axe.run().then((found) => JSON.stringify(found))",
        "awaitPromise": True,
        "returnByValue": True,
    }
    answer = await devtools.send("Runtime.evaluate", asked)
    found = json.loads(answer["result"]["value"])
    assert len(found["passes"]) > 10, "axe has hardly looked"
    # A label leads to the first thing of its name, which must be the field.
    twice = await page.evaluate(
        "[...document.querySelectorAll('[id]')].map((one) => one.id)"
        ".filter((id, at, all) => all.indexOf(id) !== at)"
    )
    return [f"{page.url}: two things are called {one}" for one in twice] + [
        f"{page.url}: {one['id']}: {one['nodes'][0]['html']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


async def test_a_passkey_is_made_and_signs_in_alone(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    sign_up(network, "paula")
    async with open_browser(width=360) as page:
        await add_authenticator(page)
        await sign_in(page, network, "paula")
        await page.get_by_role("link", name="Second step").click()
        await page.get_by_label("What to call it").fill("my phone")
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_text("my phone", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Ask for a passkey behind the password").click()
        await expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
        [code, *_] = await page.locator("#codes li").all_inner_texts()
        client = [network["pds_url"], "paula.test", PASSWORD, code]
        told = await asyncio.to_thread(run_script, "second_step.mjs", *client)
        assert told == {"asked": "a second step", "handle": "paula.test"}
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("@paula.test")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Name or e-mail address").fill("paula.test")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        await expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
        assert await complaints_of_axe(page) == []
        await look(page, "account-second-step")
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("@paula.test")


async def test_a_browser_without_the_passkey_says_so(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await add_authenticator(page, user_verified=False)
        await page.goto(f"{network['pds_url']}/account/sign-in")
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page.get_by_text("Nothing came of it")).to_be_visible(timeout=70_000)


async def test_a_recovery_key_is_made_here_checked_and_never_sent(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    did = sign_up(network, "rita")
    async with open_browser(width=360) as page:
        await sign_in(page, network, "rita")
        await page.goto(f"{network['pds_url']}/account/recovery")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.post_data or request.url))
        await page.get_by_role("button", name="Make my key").click()
        words = await page.locator("#words li").all_inner_texts()
        secret = await page.locator("#private").inner_text()
        assert (len(words), secret[:3]) == (18, "z42")
        assert await complaints_of_axe(page) == []
        await look(page, "account-recovery-sheet")
        await page.emulate_media(media="print")
        await shoot(page, "account-recovery-print")
        await page.emulate_media(media="screen")
        await page.get_by_label("The 18 words").fill(" ".join([*words[:17], "acorn", words[17]]))
        await page.get_by_role("button", name="This is my recovery key").click()
        await expect(page.get_by_text("These are not the words")).to_be_visible()
        await page.get_by_label("The 18 words").fill(" \n".join(words).upper())
        await page.get_by_role("button", name="This is my recovery key").click()
        await expect(page.get_by_text("Your key stands first now.")).to_be_visible()
    told = " ".join(sent)
    assert secret not in told
    assert not re.search(rf"\b{words[0]}\W+{words[1]}\b", told, re.IGNORECASE)
    keys = rotation_keys(network, did)
    assert len(keys) == 2
    assert keys[0] in told.replace("%3A", ":")


async def test_everything_but_keys_works_without_script(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    sign_up(network, "nora")
    async with open_browser(width=360, script=False) as page:
        await sign_in(page, network, "nora")
        await page.get_by_role("link", name="Name and words").click()
        await page.get_by_role("textbox", name="Name").fill("Nora")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Nora")
        await page.get_by_role("link", name="Apps and devices").click()
        await page.get_by_label("Which app is it for?").fill("old phone")
        await page.get_by_role("button", name="Make an app password").click()
        await expect(page.locator("#app-password")).to_have_text(re.compile(r"^[a-z2-7-]{19}$"))
        await page.goto(f"{network['pds_url']}/account/second-steps")
        await expect(page.get_by_text("Passkeys need a browser")).to_be_visible()
        async with page.expect_download() as download:
            await page.goto(f"{network['pds_url']}/account/data")
            await page.get_by_role("button", name="Download").click()
        assert (await download.value).suggested_filename.startswith("nora.test-")


async def test_no_page_of_members_shuts_anybody_out(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    sign_up(network, "vera")
    found: list[str] = []
    async with open_browser() as page:
        await page.emulate_media(reduced_motion="reduce")
        await sign_in(page, network, "vera")
        for path in PAGES:
            await page.goto(f"{network['pds_url']}/account{path}")
            name = re.sub(r"\W+", "-", path.partition("?")[0]).strip("-") or "home"
            await look(page, f"account-{name}")
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found += await complaints_of_axe(page)
        await page.goto(f"{network['pds_url']}/account/leave")
        await page.get_by_label("To delete it").fill("somebody else")
        await page.get_by_role("button", name="Delete my account").click()
        await look(page, "account-delete-error")
        found += await complaints_of_axe(page)
    assert found == []


@asynccontextmanager
async def another_server() -> AsyncIterator[str]:
    """A server that says its name, and that the account is there, whole and awake."""
    said = {
        "com.atproto.server.describeServer": {"did": "did:web:there.test"},
        "com.atproto.sync.getRepoStatus": {"active": True, "rev": "3zzzzzzzzzz22"},
        "com.atproto.sync.getLatestCommit": {"rev": "3zzzzzzzzzz22"},
    }

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(said[request.match_info["nsid"]])

    app = web.Application()
    app.router.add_get("/xrpc/{nsid}", answer)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}"


async def test_a_name_of_ours_is_pointed_elsewhere_and_home_again(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    given = {"handle": "wilma.test", "email": "w@example.com", "password": PASSWORD}
    found: list[str] = []

    async def looked_at(page: Page, name: str) -> None:
        await look(page, f"account-move-{name}")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found.extend(await complaints_of_axe(page))

    async with ClientSession() as http, another_server() as there, open_browser() as page:
        operator = Operator(http, network["pds_url"], network["admin_password"])
        await operator.post("internal.hearth.pds.openWebAccount", **given)
        await sign_in(page, network, "wilma")
        await page.goto(f"{network['pds_url']}/account/move")
        await page.get_by_label("Address of the other server").fill(there)
        await page.get_by_role("button", name="Next").click()
        await expect(page.get_by_text("Your identity is your name here.")).to_be_visible()
        await looked_at(page, "to-point")
        await page.get_by_label("Signing key there").fill("no key")
        await page.get_by_role("button", name="Point it there").click()
        await expect(page.get_by_text("This is no signing key, or no name.")).to_be_visible()
        await looked_at(page, "to-point-error")
        key = PrivateKey.generate().public.did_key
        await page.get_by_label("Signing key there").fill(key)
        await page.get_by_label("Name there").fill("wilma.there.test")
        await page.get_by_role("button", name="Point it there").click()
        away = page.get_by_text(f"Your identity says that you live at {there}.")
        await expect(away).to_be_visible()
        await looked_at(page, "pointed")
        await page.get_by_role("button", name="Not there after all").click()
        await expect(away).to_be_visible()
        await looked_at(page, "away")
        await page.get_by_role("button", name="Point it here again").click()
        await expect(away).to_have_count(0)
    assert found == []


async def test_no_page_of_the_panel_shuts_anybody_out(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    found: list[str] = []
    async with open_browser() as page:
        await page.emulate_media(reduced_motion="reduce")
        await page.goto(network["claim_url"])
        found += await complaints_of_axe(page)
        await by_mouse(page, network)
        for path in (
            "/",
            "/people",
            "/people/new",
            "/invites",
            "/mail",
            "/hosts",
            "/reports",
            "/rules",
            "/log",
            "/settings",
            "/more",
            "/setup/reach",
            "/setup/reach/seen",
            "/setup/backup",
            "/setup/sheet",
            "/nothing",
        ):
            await page.goto(network["panel_url"] + path)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found += await complaints_of_axe(page)
    assert found == []


def number_in_base58(text: str) -> int:
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    return sum(letters.index(letter) * 58**at for at, letter in enumerate(reversed(text)))


def test_the_keys_and_codes_of_our_script_are_those_of_the_standards() -> None:
    text = "z42tzWa1oEGj5exz3UpjaRtDu9P63XpvNF65ANG3xsa4tiyc0123456789abcd"
    static = (ROOT / "web" / "static").as_uri()
    program = f"""
        import {{ keyOf, seedOf, wordsOf, WORDS }} from "{static}/keys.js";
        import {{ qr }} from "{static}/qr.js";
        const seed = Uint8Array.from({{ length: 16 }}, (_, at) => at * 15);
        const words = await wordsOf(seed);
        const swapped = [words[1], words[0], ...words.slice(2)].join(" ");
        console.log(JSON.stringify({{
            list: WORDS, words, key: await keyOf(seed), wrong: await seedOf(swapped),
            back: [...await seedOf(words.join(", "))],
            qr: qr("{text}").map((row) => row.map(Number)),
        }}));
    """
    command = [node(), "--input-type=module", "-e", program]
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        check=True,
        timeout=60,
    )
    said = json.loads(done.stdout)
    assert len(set(said["list"])) == 256
    assert said["back"] == [at * 15 for at in range(16)]
    assert said["wrong"] is None
    secret = number_in_base58(said["key"]["secret"][1:]).to_bytes(34)
    assert secret[:2] == b"\x86\x26"  # a private key of P-256
    assert PrivateKey.from_bytes("p256", secret[2:]).public.did_key == said["key"]["did"]
    # A full code: how free room is padded differs between makers, and readers do not care.
    code = segno.make(text, version=4, error="m", mask=2, mode="byte", boost_error=False)
    assert said["qr"] == [[int(module) for module in row] for row in code.matrix]
