"""What members do on their own pages."""

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pyotp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto import jwt
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.errors import HandleNotFound
from appliance.atproto.syntax import Did, Handle, Json
from appliance.moving.folder import Zip, blob_names, mime_types
from appliance.moving.giving import whose
from appliance.pds import blobs
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.pds_box import PASSWORD
from tests.support.pds_stores import PNG

HOSTILE = "\"><script>alert(1)</script>'{{7*7}}"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def test_name_and_words_are_written_and_what_else_a_profile_holds_stays(
    house: MembersHouse,
) -> None:
    box, alice = house.box, house.alice
    record = {"$type": "app.bsky.actor.profile", "createdAt": "2026-01-01T00:00:00Z"}
    await box.post(
        "com.atproto.repo.putRecord",
        alice.access,
        repo=alice.did,
        collection=record["$type"],
        rkey="self",
        record=record,
    )
    browser = await house.at_home()
    await browser.get("/profile")
    saved = await browser.post("/profile", name="Alice", about="One\r\ntwo")
    assert saved.location == "/account?done=profile"
    assert "Alice" in (await browser.get("")).words
    answer = await box.get(
        "com.atproto.repo.getRecord", None, repo=alice.did, collection=record["$type"], rkey="self"
    )
    assert answer.json["value"] == {**record, "displayName": "Alice", "description": "One\ntwo"}
    long = await browser.post("/profile", name="x" * 700, about="")
    assert long.errors == ["This is too long. Make the name or the words shorter."]
    await browser.post("/profile", name="", about="")
    assert "Alice" not in (await browser.get("")).words


async def test_nothing_that_is_typed_becomes_markup(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/apps")
    await browser.post("/profile", name=HOSTILE, about=HOSTILE)
    await browser.post("/apps/new", name=HOSTILE)
    pages = [await browser.get(path) for path in ("", "/profile", "/apps")]
    pages.append(await browser.post("/handle/domain", domain=HOSTILE))
    pages.append(await browser.post("/email", email=HOSTILE))
    pages.append(await browser.post("/leave/delete", confirm=HOSTILE))
    for seen in pages:
        assert "<script>alert" not in seen.text
        assert "49" not in re.sub(r"\d{3,}", "", seen.words)
    assert all("alert(1)" in unescape(seen.text) for seen in pages)


async def test_a_handle_changes_under_our_domain(house: MembersHouse) -> None:
    await house.box.sign_up("bob")
    browser = await house.at_home()
    await browser.get("/handle")
    taken = await browser.post("/handle", front="bob", ending=".test")
    assert taken.errors == ["Somebody here has this name already."]
    kept = await browser.post("/handle", front="admin", ending=".test")
    assert kept.errors == ["This name is kept for the network itself. Choose another."]
    for bad in ("", "a b", "-x-", "x" * 40, "a.b"):
        assert (await browser.post("/handle", front=bad, ending=".test")).status == 422, bad
    changed = await browser.post("/handle", front="Alicia", ending=".evil.example")
    assert changed.location == "/account?done=handle"
    found = house.box.pds.accounts.find(Handle("alicia.test"))
    assert found is not None
    document = await house.box.pds.resolver.document(house.alice.did, fresh=True)
    assert document.handle == "alicia.test"


async def test_a_domain_says_what_to_set_and_is_taken_once_it_does(
    house: MembersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await house.at_home()
    await browser.get("/handle")
    shown = await browser.post("/handle/domain", domain="https://Ann.Example.com/")
    assert shown.copyable("txt-name") == "_atproto.ann.example.com"
    assert shown.copyable("txt-value") == f"did={house.alice.did}"
    assert shown.copyable("file-content") == house.alice.did

    async def records(name: str) -> list[str]:
        return ["did=did:plc:abcdefghijklmnopqrstuvwx"] if name.startswith("_atproto.") else []

    async def nobodys(handle: Handle) -> Did:
        raise HandleNotFound(handle)

    monkeypatch.setattr("appliance.pds.account_pages.handle.lookup_txt_records", records)
    monkeypatch.setattr(house.box.pds.resolver, "did_for", nobodys)
    early = await browser.post("/handle/domain", domain="ann.example.com", check="yes")
    assert early.status == 422
    assert "In DNS: did=did:plc:abcdefghijklmnopqrstuvwx" in early.words

    async def ours(handle: Handle) -> Did:
        assert handle == "ann.example.com"
        return house.alice.did

    monkeypatch.setattr(house.box.pds.resolver, "did_for", ours)
    done = await browser.post("/handle/domain", domain="ann.example.com", check="yes")
    assert done.location == "/account?done=handle"
    assert house.box.pds.accounts.require(house.alice.did).handle == "ann.example.com"
    for bad in ("nonsense", "bob.test", ""):
        assert (await browser.post("/handle/domain", domain=bad, check="yes")).status == 422


async def test_a_new_password_signs_everybody_else_out(house: MembersHouse) -> None:
    browser, other = await house.at_home(), await house.at_home()
    await browser.get("/password")
    differs = await browser.post("/password", password="a new password", again="another")
    short = await browser.post("/password", password="short", again="short")
    assert (differs.status, short.status) == (422, 422)
    done = await browser.post("/password", password="a new password", again="a new password")
    assert "Your password is changed." in done.words
    assert (await browser.get("")).status == 200
    assert (await other.get("")).status == 303
    assert (await house.box.log_in("alice.test", PASSWORD)).status == 401
    refreshed = await house.box.post("com.atproto.server.refreshSession", house.alice.refresh)
    assert refreshed.error == "ExpiredToken"


async def test_an_address_is_confirmed_and_changes_with_a_code_to_the_old_one(
    house: MembersHouse,
) -> None:
    browser = await house.at_home()
    await browser.get("/email")
    await browser.post("/email/send")
    assert (await browser.post("/email/confirm", code="AAAAA-BBBBB")).status == 422
    done = await browser.post("/email/confirm", code=await house.box.mailed_code())
    assert done.location == "/account?done=email"
    asked = await browser.post("/email", email="new@example.com")
    assert "A code is on its way to alice@example.com." in asked.words
    wrong = await browser.post("/email", email="new@example.com", update_code="AAAAA-BBBBB")
    assert wrong.status == 422
    code = await house.box.mailed_code()
    await browser.post("/email", email="new@example.com", update_code=code)
    account = house.box.pds.accounts.require(house.alice.did)
    assert (account.email, account.email_confirmed_at) == ("new@example.com", None)
    [told] = await house.box.pds.mailer.page(None, 1)
    assert told.recipient == "alice@example.com"
    assert (await browser.post("/email", email="nonsense")).status == 422


async def test_an_app_is_set_up_with_recovery_codes_shown_once(house: MembersHouse) -> None:
    browser = await house.at_home()
    page = await browser.get("/second-steps")
    app = pyotp.TOTP(page.copyable("app-key").replace(" ", ""))
    assert "<svg" in page.text
    assert (await browser.post("/second-steps/app", code="000000")).status == 422
    done = await browser.post("/second-steps/app", code=app.at(int(house.box.clock.now())))
    codes = re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", done.text)
    assert len(codes) == 10
    again = await browser.get("/second-steps")
    assert codes[0] not in again.text
    assert app.secret not in again.text.replace(" ", "")
    assert (await house.box.log_in("alice.test", authFactorToken=codes[0])).status == 200
    new = await browser.post("/second-steps/codes")
    assert codes[1] not in new.text
    assert (await browser.post("/second-steps/app/remove")).status == 303
    assert (await house.box.log_in("alice.test")).status == 200


async def test_codes_by_mail_are_switched_on_by_one_that_arrived(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/second-steps")
    await browser.post("/second-steps/mail/send")
    assert (await browser.post("/second-steps/mail", mail_code="AAAAA-BBBBB")).status == 422
    done = await browser.post("/second-steps/mail", mail_code=await house.box.mailed_code())
    assert "Your recovery codes" in done.words
    assert await house.box.pds.factors.required(house.alice.did) == ["mail"]
    await browser.post("/second-steps/mail/remove")
    assert await house.box.pds.factors.required(house.alice.did) == []


async def test_app_passwords_are_made_and_revoked(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/apps")
    made = await browser.post("/apps/new", name="old phone")
    secret = made.copyable("app-password")
    assert (await house.box.log_in("alice.test", secret)).status == 200
    assert (await browser.post("/apps/new", name="old phone")).status == 422
    assert (await browser.post("/apps/new", name=" ")).status == 422
    assert secret not in (await browser.get("/apps")).text
    await browser.post("/apps/revoke", name="old phone")
    assert (await house.box.log_in("alice.test", secret)).status == 401


async def test_another_browser_is_signed_out_from_here(house: MembersHouse) -> None:
    other, browser = await house.at_home(), await house.at_home()
    page = await browser.get("/apps")
    devices = re.findall(r'name="device" value="([0-9a-f]{64})"', page.text)
    assert len(devices) == 2
    stranger = await house.at_home(await house.box.sign_up("bob"))
    for device in devices:
        await stranger.post("/apps/device", device=device)
    assert (await other.get("")).status == 200
    mine = house.box.pds.devices.signed_in(browser.cookies["device_2583"])[0].device
    [theirs] = [device for device in devices if device != mine]
    await browser.post("/apps/device", device=theirs)
    assert (await other.get("")).status == 303
    assert (await browser.get("")).status == 200


async def test_an_app_is_signed_out_from_here(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    app = (await house.box.log_in("alice.test")).json["refreshJwt"]
    browser = await house.at_home()
    page = await browser.get("/apps")
    keys = re.findall(r'name="session" value="([0-9a-f]{64})"', page.text)
    assert len(keys) == 2
    stranger = await house.at_home(bob)
    for key in keys:
        await stranger.post("/apps/end", session=key)
    refresh = "com.atproto.server.refreshSession"
    renewed = await house.box.post(refresh, house.alice.refresh)
    assert renewed.status == 200
    for key in re.findall(
        r'name="session" value="([0-9a-f]{64})"', (await browser.get("/apps")).text
    ):
        await browser.post("/apps/end", session=key)
    for token in (app, house.alice.refresh, renewed.json["refreshJwt"]):
        assert (await house.box.post(refresh, token)).error == "ExpiredToken"
    shut_out = await house.box.get("com.atproto.server.getSession", renewed.json["accessJwt"])
    assert shut_out.error == "ExpiredToken"
    assert "No app is signed in" in (await browser.get("/apps")).words


async def test_a_browser_is_called_as_people_call_it(house: MembersHouse) -> None:
    browser = await house.at_home()
    phone = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
    laptop = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    for agent in (phone, laptop, "curl/8"):
        await house.box.pds.devices.start("", house.alice.did, agent)
    words = (await browser.get("/apps")).words
    for name in ("Chrome on Android", "Firefox on Linux", "A browser"):
        assert name in words


async def test_a_recovery_key_stands_before_the_servers(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/recovery")
    for bad in ("", "did:key:zzz", "nonsense", "did:key:" + "z" * 2000):
        assert (await browser.post("/recovery", key=bad)).status == 422
    ours = house.box.pds.identities.rotation_key
    keys = [PrivateKey.generate().public.did_key for _ in range(2)]
    done = await browser.post("/recovery", key=keys[0])
    assert "Your key stands first now." in done.words
    assert (await house.box.pds.identities.state(house.alice.did))["rotationKeys"] == [
        keys[0],
        ours,
    ]
    await browser.get("/recovery")
    await browser.post("/recovery", key=keys[1], replace="yes")
    state = await house.box.pds.identities.state(house.alice.did)
    assert state["rotationKeys"] == [keys[1], ours]
    # The account can still be served, and renamed, by the server.
    await house.box.pds.identities.check_points_here(house.alice.did)


async def test_everything_comes_in_one_file(house: MembersHouse) -> None:
    box, alice = house.box, house.alice
    blob = (
        await box.ask(
            "POST",
            "/xrpc/com.atproto.repo.uploadBlob",
            token=alice.access,
            data=PNG,
            headers={"Content-Type": "image/png"},
        )
    ).json["blob"]
    record = {
        "$type": "app.bsky.feed.post",
        "text": "Hello",
        "createdAt": "2026-01-01T00:00:00Z",
        "embed": {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]},
    }
    made = await box.post(
        "com.atproto.repo.createRecord",
        alice.access,
        repo=alice.did,
        collection=record["$type"],
        record=record,
    )
    # As after a move: another blob that it refers to has not come yet.
    path = made.json["uri"].removeprefix(f"at://{alice.did}/")
    lost = (box.pds.repos.head(alice.did).id, path, [Cid.for_blob(b"elsewhere")])
    await box.pds.repos._db.write(blobs.expect, *lost)
    box.appview.body = json.dumps({"mutes": [{"did": "did:plc:x"}], "ok": 1}).encode()
    browser = await house.at_home()
    await browser.get("/data")
    sent = await browser.post("/data")
    assert sent.headers["Content-Type"] == "application/zip"
    assert 'attachment; filename="alice.test-' in sent.headers["Content-Disposition"]
    tray = box.pds.exports.tray
    assert (tray.in_memory, tray.in_files) == (0, 0)
    archive = zipfile.ZipFile(io.BytesIO(browser.raw))
    assert archive.testzip() is None
    assert archive.read(f"blobs/{blob['ref']['$link']}.png") == PNG
    exported = await box.get("com.atproto.sync.getRepo", did=alice.did)
    assert archive.read("repo.car") == exported.body
    assert json.loads(archive.read("private/mutes.json")) == [{"did": "did:plc:x"}]
    told = archive.read("account.json").decode()
    assert json.loads(told)["handle"] == "alice.test"
    account = box.pds.accounts.require(alice.did)
    for secret in (account.password_hash, browser.cookies["device_2583"], alice.refresh):
        assert secret not in told
    # It is what `hearth account import` takes.
    file = box.pds.settings.paths.data / "alice.zip"
    file.write_bytes(browser.raw)
    assert whose(Zip(file))["did"] == alice.did
    assert list(blob_names(Zip(file))) == list(mime_types(Zip(file))) == [blob["ref"]["$link"]]


async def test_an_account_rests_and_wakes(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/leave")
    await browser.post("/leave/deactivate")
    assert "Your account rests" in (await browser.get("/leave")).words
    assert "Your account rests. Nobody sees it" in (await browser.get("")).words
    refused = await browser.post("/profile", name="Alice", about="")
    assert refused.errors == ["The account is not active, so nothing is written. Wake it up first."]
    assert (await browser.post("/leave/activate")).location == "/account/leave"
    assert house.box.pds.accounts.require(house.alice.did).is_active


async def test_an_account_is_deleted_when_its_name_is_typed(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/leave")
    wrong = await browser.post("/leave/delete", confirm="bob.test")
    assert wrong.errors == ["This is not alice.test. Nothing was deleted."]
    gone = await browser.post("/leave/delete", confirm="@Alice.test")
    assert "Your account is deleted" in gone.words
    assert house.box.pds.accounts.find(house.alice.did) is None
    assert (await browser.get("")).status == 303


async def test_a_move_goes_on_where_it_was_left(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/move")
    for bad in ("", "nonsense", "http://localhost:1", "unix:/etc/passwd", "https://a b"):
        assert (await browser.post("/move", host=bad)).status == 422, bad
    assert (await browser.post("/move/token")).location == "/account/move"


async def test_the_steps_of_a_move_are_looked_at_where_they_happen(house: MembersHouse) -> None:
    answers: dict[str, Json] = {"com.atproto.server.describeServer": {"did": "did:web:other.test"}}

    async def answer(request: web.Request) -> web.Response:
        said = answers.get(request.match_info["nsid"])
        return web.json_response(said, status=404 if said is None else 200)

    app = web.Application()
    app.router.add_get("/xrpc/{nsid}", answer)
    browser = await house.at_home()
    await browser.get("/move")
    async with TestServer(app) as host:
        begun = await browser.post("/move", host=f"http://localhost:{host.port}/")
        assert begun.location == "/account/move"
        assert (await browser.get("/move")).words.count("Not yet") == 4
        token = (await browser.post("/move/token")).copyable("move-token")
        claims = jwt.parse(token).claims
        assert (claims["aud"], claims["iss"]) == ("did:web:other.test", house.alice.did)
        assert claims["lxm"] == "com.atproto.server.createAccount"
        rev = house.box.pds.repos.head(house.alice.did).rev
        answers["com.atproto.sync.getRepoStatus"] = {"did": house.alice.did, "active": False}
        answers["com.atproto.sync.getLatestCommit"] = {"rev": rev, "cid": "x"}
        later = await house.at_home()
        assert (await later.get("/move")).words.count("Not yet") == 2
        await later.post("/move/code")
        assert re.fullmatch(r"[A-Z2-7]{5}-[A-Z2-7]{5}", await house.box.mailed_code())
        await later.post("/move/stop")
        assert house.box.pds.moves.goal(house.alice.did) is None
