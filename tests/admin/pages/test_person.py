"""One member, and what can be done for or against them."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

from appliance.atproto.syntax import Handle
from tests.support.panel_house import HOST, House


async def test_a_person_is_shown_with_what_there_is_to_know(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    seen = await owner.get(f"/people/{member.did}")
    assert "@ann.test" in seen.words
    assert "ann@example.com (not confirmed)" in seen.words
    assert seen.copyable("did") == member.did


async def test_an_address_that_was_made_up_is_not_shown_as_one(house: House) -> None:
    owner = await house.claim()
    await owner.post("/people/new", handle="ann", email="", password="")
    account = house.box.pds.accounts.find(Handle("ann.test"))
    assert account is not None
    seen = await owner.get(f"/people/{account.did}")
    assert "E-mail address None. Letters with codes wait for you under Mail." in seen.words
    assert account.email not in seen.words


async def test_why_somebody_was_taken_down_is_kept_in_the_form_and_never_a_time(
    house: House,
) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    page = f"/people/{member.did}"
    wrong = await owner.post(f"{page}/takedown", reason="Spam.", days="soon")
    assert 'value="Spam."' in wrong.text
    # The browser goes to the field that is wrong, far down as it is.
    assert [field for field in wrong.text.split("<input") if " autofocus" in field] == [
        field for field in wrong.text.split("<input") if 'id="days"' in field
    ]
    await owner.post(f"{page}/takedown", reason="", days="")
    seen = await owner.get(page)
    assert "Restore this account" in seen.words
    assert " Why " not in seen.words


async def test_a_new_password_is_shown_once(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    seen = await owner.post(f"/people/{member.did}/password")
    password = seen.copyable("new-password")
    assert (await house.box.log_in("ann.test", password)).status == 200
    assert password not in (await owner.get(f"/people/{member.did}")).text


async def test_who_has_lost_phone_and_codes_is_let_in_by_password_alone(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    await house.box.pds.factors.set_mail(member.did, True)
    assert (await house.box.log_in("ann.test")).error == "AuthFactorTokenRequired"
    asked = await owner.post(f"/people/{member.did}/second-steps")
    assert "Is it really @ann.test who asks?" in asked.words
    assert "are removed" not in asked.words
    assert asked.errors == ["Is it really @ann.test who asks?"]
    assert (await house.box.log_in("ann.test")).error == "AuthFactorTokenRequired"
    seen = await owner.post(f"/people/{member.did}/second-steps", sure="yes")
    assert "The second steps are removed." in seen.words
    assert (await house.box.log_in("ann.test")).status == 200
    [letter] = await house.box.pds.mailer.page(None, 1)
    assert letter.subject == "Your second steps were removed"


async def test_who_is_taken_down_can_be_restored(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    page = f"/people/{member.did}"
    down = (await owner.post(f"{page}/takedown")).location
    assert down == page.replace(":", "%3A") + "?done=down#takedown"
    seen = await owner.get(f"{page}?done=down")
    assert "Taken down" in seen.words
    assert "The account is hidden from everybody." in seen.words
    assert "Restore this account" in seen.words
    await owner.post(f"{page}/restore")
    assert "The account is restored" in (await owner.get(f"{page}?done=restored")).words
    assert "Take this account down" in (await owner.get(page)).words


async def test_somebody_is_suspended_for_some_days(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    page = f"/people/{member.did}"
    for typed in ("soon", "0", "-1", "1e3", "٣"):
        seen = await owner.post(f"{page}/takedown", days=typed)
        assert (seen.status, seen.errors) == (422, ["A number of days, 3650 at most."])
    assert house.box.pds.accounts.require(member.did).is_active
    await owner.post(f"{page}/takedown", days="3", reason="Spam.")
    seen = await owner.get(page)
    assert "Suspended" in seen.words
    assert "Spam." in seen.words
    end = datetime.fromtimestamp(house.clock.now(), UTC) + timedelta(days=3)
    assert f"Until {end.day} " in seen.words
    assert f'title="{end:%Y-%m-%d %H:%M} UTC"' in seen.text
    assert "comes back by itself" in seen.words
    await owner.post(f"{page}/takedown", reason="Spam.")
    seen = await owner.get(page)
    assert "Taken down" in seen.words
    assert "Until" not in seen.words
    await owner.post(f"{page}/restore")
    assert house.box.pds.accounts.require(member.did).is_active


async def test_deleting_takes_the_name_typed_by_hand(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    page = f"/people/{member.did}"
    for typed in ("", "ann", "bob.test"):
        seen = await owner.post(f"{page}/delete", confirm=typed)
        assert (seen.status, seen.errors) == (422, ["This is not ann.test. Nothing was deleted."])
    assert (await owner.post(f"{page}/delete", confirm=" @Ann.test ")).location == (
        "/people?done=deleted"
    )
    assert "is deleted" in (await owner.get("/people?done=deleted")).words
    assert (await owner.get(page)).status == 404


async def test_what_a_member_published_is_downloaded_before_it_is_gone(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    path = "/xrpc/com.atproto.repo.uploadBlob"
    headers = {"Content-Type": "text/plain"}
    await house.box.ask("POST", path, token=member.access, data=b"a picture", headers=headers)
    assert "Wrote last just now" in (await owner.get(f"/people/{member.did}")).words
    cookies = "; ".join(f"{name}={text}" for name, text in owner.cookies.items())
    url = house.server.make_url(f"/people/{member.did}/export")
    async with house.session.get(url, headers={"Host": HOST, "Cookie": cookies}) as answer:
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="ann.test-')
        archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
    assert {"repo.car", "account.json", "blobs.json"} <= set(archive.namelist())
    assert b"correct horse" not in b"".join(archive.read(name) for name in archive.namelist())
    [act] = await house.box.pds.operator_acts.page(None, 1)
    assert (act.method.rpartition(".")[2], act.about) == ("exportAccount", {"did": member.did})
    assert (await owner.get("/people/did:plc:nobody/export")).status == 404
    assert (await house.visitor().get(f"/people/{member.did}/export")).location.startswith("/sign")
