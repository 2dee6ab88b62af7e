"""The log of acts, narrowed down; the log of the process; the support bundle."""

import io
import logging
import re
import zipfile

from appliance.base.logs import PlainLines, RecentLines
from tests.support.panel_house import HOST, House


async def test_acts_are_narrowed_down_by_who_and_whom(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    bob = await house.box.sign_up("bob")
    for member in (ann, bob):
        await owner.get(f"/people/{member.did}")
        await owner.post(f"/people/{member.did}/takedown", reason="spam")
    await house.box.operate("POST", "com.atproto.server.createInviteCode", useCount=1)
    everything = (await owner.get("/log")).words
    assert everything.count("Taken down, or shown again") == 2
    assert "Invite code made" in everything
    by_token = (await owner.get("/log?actor=token")).words
    assert "Invite code made" in by_token
    assert "Taken down, or shown again" not in by_token
    for about in ("@ann", ann.did):
        told = (await owner.get(f"/log?about={about}")).words
        assert told.count("Taken down, or shown again") == 1
        assert "@bob.test" not in told
    assert "Nothing of that kind was done." in (await owner.get("/log?about=@ghost")).words
    assert (await owner.get("/log?actor=nobody&about=no name!")).status == 200


async def test_the_last_lines_of_the_process_are_shown_and_bundled(house: House) -> None:
    owner = await house.claim()
    ann = await house.box.sign_up("ann")
    recent = RecentLines(PlainLines())
    logging.getLogger().addHandler(recent)
    try:
        log = logging.getLogger("appliance.test")
        log.warning("%s asked, password=hunter22", ann.did)
        log.error("the <disk> is full")
        seen = await owner.get("/logs")
        assert "the <disk> is full" in seen.words
        assert "hunter22" not in seen.text
        assert f"{ann.did} asked" in seen.words
        errors = (await owner.get("/logs?level=error")).text.partition('id="bundle"')[0]
        assert "disk" in errors
        assert "asked" not in errors
        assert 'href="/logs/bundle/log.txt"' in seen.text
        shown = (await owner.get("/logs/bundle/log.txt")).text
        assert (await owner.get("/logs/bundle/secrets")).status == 404
        assert re.search(r"person-\d+ asked", shown)
        assert ann.did not in shown
    finally:
        logging.getLogger().removeHandler(recent)
    cookies = "; ".join(f"{name}={text}" for name, text in owner.cookies.items())
    url = house.server.make_url("/logs/bundle")
    async with house.session.get(url, headers={"Host": HOST, "Cookie": cookies}) as answer:
        assert answer.content_type == "application/zip"
        names = zipfile.ZipFile(io.BytesIO(await answer.read())).namelist()
    assert "hearth-support/status.json" in names
    assert (await house.visitor().get("/logs/bundle")).location.startswith("/sign-in")
