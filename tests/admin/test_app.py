"""Which page is where, who may see it, and what every answer carries."""

import pytest

from appliance.admin.app import ANYBODY, OWNER_ONLY
from appliance.base.browsers import POLICY
from tests.support.panel_house import HOST, House
from tests.support.roles_beside import appview_beside, labeler_beside, relay_beside

SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
OWNER_PAGES = sorted(
    path.replace("{name}", "log.txt") for verb, path in OWNER_ONLY if verb == "GET"
)
FORMS = sorted(path for verb, path in {**ANYBODY, **OWNER_ONLY} if verb == "POST")
NOBODY = "did:plc:ffffffffffffffffffffffff"


async def test_only_the_owner_sees_a_page(house: House) -> None:
    stranger = house.visitor()
    pages = [path.replace("{did}", NOBODY) for path in OWNER_PAGES]
    assert len(pages) > 10
    for path in pages:
        assert (await stranger.get(path)).location == "/claim"
    await house.claim()
    for path in pages:
        seen = await stranger.get(path)
        if path == "/live":
            assert seen.status == 403
        else:
            assert seen.location.startswith("/sign-in"), path


async def test_every_page_stands_and_is_safe_and_small(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up()
    gone = await house.who_moved_away("webby.test")
    await house.box.operate("POST", "com.atproto.admin.deleteAccount", did=gone)
    style = await owner.get(house.panel.pages.static_url("hearth.css"))
    script = await owner.get(house.panel.pages.static_url("hearth.js"))
    async with relay_beside(house), labeler_beside(house), appview_beside(house):
        for path in OWNER_PAGES:
            if path.endswith(("/export", "/bundle")):
                continue  # files
            who = gone if path.endswith("/kept") else member.did
            seen = await owner.get(path.replace("{did}", who))
            assert (seen.status, path) == (200, path)
            assert {name: seen.headers[name] for name in SAFE} == SAFE
            assert len(seen.text) + len(style.text) + len(script.text) < 60_000
            assert " style=" not in seen.text
            assert "<script>" not in seen.text


async def test_a_form_from_elsewhere_changes_nothing(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up()
    fields = {"form_token": owner.token, "confirm": member.handle, "name": "Mine"}
    assert len(FORMS) > 10
    for path in [one.replace("{did}", member.did).replace("{group}", "relay") for one in FORMS]:
        for headers in (
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "null"},
            {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-site"},
        ):
            seen = await owner.ask("POST", path, headers=headers, data=fields)
            assert seen.status == 403
            assert "did not come from this panel" in seen.words
        stale = await owner.post(path, form_token="0" * 64, confirm=member.handle)
        assert (stale.status, "This form is too old" in stale.words) == (403, True)
    assert (await owner.get("/")).status == 200
    assert (await house.panel.people.get(member.did)).state == "active"
    assert (await house.box.log_in(member.handle)).status == 200
    assert house.panel.desk.name == "Hearth"


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{HOST.partition(':')[2]}", "localhost:1", ""]
)
async def test_a_strange_name_is_misdirected(host: str, house: House) -> None:
    owner = await house.claim()
    for path in ("/", "/claim", "/live", "/people", "/nothing", "/static/x.css"):
        for verb in ("GET", "POST", "OPTIONS"):
            seen = await owner.ask(verb, path, headers={"Host": host})
            assert seen.status == 421
            assert seen.headers["Content-Security-Policy"] == POLICY


async def test_bodies_that_are_no_forms_are_refused(house: House) -> None:
    owner = await house.claim()
    for data, kind, status in (
        (b'{"name": "x"}', "application/json", 415),
        (b"name=x", "text/plain", 415),
        (b"--x--", "multipart/form-data; boundary=x", 415),
        (b"name=%ff\xff", "application/x-www-form-urlencoded", 415),
        (b"name=x", "application/x-www-form-urlencoded; charset=none-such", 415),
        (b"name=x", "application/x-www-form-urlencoded", 403),
        (b"", "application/x-www-form-urlencoded", 403),
        (b"a" * 70_000, "application/x-www-form-urlencoded", 413),
    ):
        headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
        seen = await owner.ask("POST", "/setup/name", headers=headers, data=data)
        assert (seen.status, kind) == (status, kind)
        assert "Nothing was changed" in seen.words


async def test_what_does_not_exist_is_said_so(house: House) -> None:
    owner = await house.claim()
    for path in ("/nothing", f"/people/{NOBODY}", "/people/%3Cscript%3E", "/static/..%2Fapp.py"):
        seen = await owner.get(path)
        assert seen.status == 404
        assert "There is nothing here" in seen.words
    assert (await owner.post(f"/people/{NOBODY}/delete", confirm="x")).status == 404
    assert (await owner.ask("DELETE", "/people")).status == 405
    assert (await owner.get("/people/x/delete")).status == 405


async def test_what_people_type_is_shown_as_text(house: House) -> None:
    owner = await house.claim()
    payload = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}'
    for seen in (
        await owner.get("/people?q=" + payload.replace("#", "")),
        await owner.post("/people/new", handle=payload, email=payload),
        await owner.post("/setup/reach", mode="public", hostname=payload),
        await owner.post("/invites", uses=payload),
    ):
        assert "<script>alert" not in seen.text
        assert "<img" not in seen.text
        assert "&lt;script&gt;" in seen.text or "&#34;" in seen.text
    await owner.post("/setup/name", name=payload[:40])
    home = await owner.get("/")
    assert "<script>a" not in home.text
    assert "&#34;&gt;&lt;script&gt;" in home.text


async def test_a_part_that_does_not_answer_is_no_crash(house: House) -> None:
    await house.claim()
    house.settings.paths.socket("pds").rename(house.settings.paths.run / "gone")
    async with house.again() as alone:
        owner = await alone.visitor_signed_in()
        for path in ("/people", "/people/new", "/invites", "/mail", "/setup/people", "/setup/done"):
            seen = await owner.get(path)
            assert (seen.status, "did not answer" in seen.words) == (502, True)
        for path in ("/", "/checkup"):
            seen = await owner.get(path)
            assert seen.status == 200
            assert "Part pds" in seen.words


async def test_static_files_may_be_kept_for_ever(house: House) -> None:
    visitor = house.visitor()
    for name, kind in (
        ("hearth.css", "text/css"),
        ("hearth.js", "javascript"),
        ("icon.svg", "svg"),
    ):
        seen = await visitor.get(house.panel.pages.static_url(name))
        assert seen.status == 200
        assert kind in seen.headers["Content-Type"]
        assert "immutable" in seen.headers["Cache-Control"]
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert "style.css" not in house.panel.pages.static_files
