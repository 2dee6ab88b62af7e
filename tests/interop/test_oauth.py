"""A published OAuth client goes every way; the browser and the clock are the test's."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.node import FOLDER, node
from tests.support.oauth_client import Documents, agree, post, sign_in_for
from tests.support.panel_house import Seen
from tests.support.pds_box import PASSWORD
from tests.support.ports import free_port

pytestmark = pytest.mark.slow


class Person:
    """Does in a browser what the script asks for."""

    def __init__(self, house: MembersHouse) -> None:
        self._house = house
        self._browser = house.browser()
        self._published = Documents(house.box.pds)

    async def do(self, wish: dict[str, Any]) -> dict[str, Any]:
        match wish["do"]:
            case "wait":
                self._house.box.clock.advance(wish["seconds"])
                return {}
            case "publish":
                self._published.put(wish["url"], wish["json"])
                return {}
            case _:
                return {"query": await self._browse(wish)}

    async def _browse(self, wish: dict[str, Any]) -> str:
        parts = urlsplit(wish["url"])
        browser = self._browser
        seen = await browser.ask("GET", f"{parts.path}?{parts.query}")
        if "signIn" in wish:
            seen = await sign_in_for(browser, seen, self._house.alice)
        if "signUp" in wish:
            seen = await _sign_up(browser, seen, wish["signUp"])
        back = await agree(browser, seen, answer=wish.get("answer", "yes"))
        assert back.status == 303
        return urlsplit(back.location or "").query


async def _sign_up(browser: Browser, seen: Seen, name: str) -> Seen:
    await browser.ask("GET", seen.location or "")
    after = parse_qs(urlsplit(seen.location or "").query)["next"][0]
    fields = {"front": name, "email": f"{name}@example.com", "password": PASSWORD}
    done = await post(browser, "/account/sign-up", next=after, **fields)
    assert done.location == after, done.text
    return await browser.ask("GET", after)


async def test_the_published_client_comes_in_stays_and_leaves(tmp_path: Path) -> None:
    async with open_members_house(tmp_path, port=free_port()) as house:
        box, person = house.box, Person(house)
        now = str(int(box.clock.now()))
        process = await asyncio.create_subprocess_exec(
            node(),
            str(FOLDER / "oauth.mjs"),
            box.pds.site.url,
            box.directory_url,
            now,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=FOLDER,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        told: dict[str, Any] = {}
        async with asyncio.timeout(120):
            while line := await process.stdout.readline():
                told = orjson.loads(line)
                if told["do"] == "end":
                    break
                process.stdin.write(orjson.dumps(await person.do(told)) + b"\n")
            await asyncio.wait_for(process.wait(), 60)
        assert process.returncode == 0
        assert told["renewed"] >= 4
        assert len(box.pds.oauth.grants.of_account(house.alice.did)) == 1
