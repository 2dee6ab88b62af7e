"""Members, invites and mail, over a real PDS."""

import re
from pathlib import Path

import pytest

from appliance.admin.people import (
    PAGE_SIZE,
    NoSuchPerson,
    is_email,
    new_password,
    whole_handle,
)
from appliance.atproto.syntax import InvalidSyntax
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.made_up import made_up_address
from tests.support.panel_house import House, open_house


@pytest.mark.parametrize(
    ("typed", "handle"),
    [
        ("ann", "ann.test"),
        (" @Ann ", "ann.test"),
        ("ann.test", "ann.test"),
        ("ann.example.com", "ann.example.com"),
    ],
)
def test_a_name_becomes_a_handle(typed: str, handle: str) -> None:
    assert whole_handle(typed, (".test", ".other")) == handle


@pytest.mark.parametrize("typed", ["", "@", "ann smith", "-ann", "ann_", "änn", "ann..test", "<b>"])
def test_what_cannot_be_a_handle_is_refused(typed: str) -> None:
    with pytest.raises(InvalidSyntax):
        whole_handle(typed, (".test",))


def test_passwords_can_be_read_out() -> None:
    assert re.fullmatch(r"([bdfghjkmnprstvz][aeiou]){2}(-[a-z]{4}){4}", new_password())
    assert new_password() != new_password()
    assert is_email(made_up_address("ann.test"))


async def test_a_new_member_can_sign_in(house: House) -> None:
    people = house.panel.people
    made = await people.create("ann.test", "", "")
    chosen = await people.create("bob.test", "bob@example.com", "a password")
    assert (await house.box.log_in(made.handle, made.password)).status == 200
    assert (await house.box.log_in("bob@example.com", "a password")).status == 200
    assert chosen.password == "a password"
    person = await people.get(made.did)
    assert (person.handle, person.email, person.state) == ("ann.test", "ann@ann.test", "active")


async def test_where_invites_are_needed_one_is_made(tmp_path: Path) -> None:
    async with open_house(tmp_path, pds_invites_required=True) as house:
        people = house.panel.people
        made = await people.create("ann.test", "", "")
        assert (await people.terms()).invites_required
        [code] = (await people.invites()).items
        assert [use["did"] for use in code["usedBy"]] == [made.did]
        assert (await people.get(made.did)).invite_code == code["code"]


async def test_members_are_listed_page_by_page_and_found(house: House) -> None:
    people = house.panel.people
    for name in ("ann", "bob", "carol"):
        await people.create(f"{name}.test", f"{name}@smith.example", "a password")
    first = await people.page(limit=2)
    second = await people.page(first.cursor, limit=2)
    assert [one.handle for one in first.items] == ["ann.test", "bob.test"]
    assert [one.handle for one in second.items] == ["carol.test"]
    assert second.cursor is None
    assert PAGE_SIZE <= 100
    assert [one.handle for one in (await people.search("@Aro")).items] == ["carol.test"]
    assert len((await people.search("SMITH.example")).items) == 3
    did = second.items[0].did
    assert [one.handle for one in (await people.search(did)).items] == ["carol.test"]
    assert (await people.search("did:plc:nobody")).items == []
    assert (await people.search("nobody")).items == []


async def test_taking_down_hides_and_restoring_shows_again(house: House) -> None:
    people = house.panel.people
    made = await people.create("ann.test", "", "")
    await people.set_takedown(made.did, applied=True)
    assert (await people.get(made.did)).state == "takendown"
    assert [one.state for one in (await people.page()).items] == ["takendown"]
    await people.set_takedown(made.did, applied=False)
    assert (await people.get(made.did)).state == "active"


async def test_a_member_who_left_for_a_while_is_shown_so(house: House) -> None:
    member = await house.box.sign_up()
    await house.box.deactivate(member)
    people = house.panel.people
    assert (await people.get(member.did)).state == "deactivated"
    assert [one.state for one in (await people.page()).items] == ["deactivated"]


async def test_a_new_password_replaces_the_old(house: House) -> None:
    member = await house.box.sign_up()
    password = await house.panel.people.reset_password(member.did)
    assert (await house.box.log_in(member.handle)).status == 401
    assert (await house.box.log_in(member.handle, password)).status == 200


async def test_a_deleted_member_is_gone(house: House) -> None:
    member = await house.box.sign_up()
    await house.panel.people.delete(member.did)
    with pytest.raises(NoSuchPerson):
        await house.panel.people.get(member.did)
    assert (await house.panel.people.page()).items == []


@pytest.mark.parametrize("did", ["", "ann", "did:plc:ffffffffffffffffffffffff", "did:x:../y"])
async def test_nobody_stands_behind_a_strange_did(did: str, house: House) -> None:
    with pytest.raises(NoSuchPerson):
        await house.panel.people.get(did)


async def test_a_refusal_keeps_its_name(house: House) -> None:
    with pytest.raises(XrpcError) as refusal:
        await house.panel.people.create("admin.test", "", "")
    assert refusal.value.name == "HandleNotAvailable"


async def test_invites_are_made_and_closed(house: House) -> None:
    people = house.panel.people
    code = await people.invite(3)
    await people.disable_invite(code)
    [listed] = (await people.invites()).items
    assert (listed["code"], listed["uses"], listed["isOpen"]) == (code, 3, False)


async def test_mail_waits_for_the_owner(house: House) -> None:
    member = await house.box.sign_up()
    await house.box.post("com.atproto.server.requestPasswordReset", email=member.email)
    [mail] = (await house.panel.people.mail()).items
    assert (await house.box.mailed_code()) in mail["body"]
    assert await house.panel.people.handles([member.did]) == {member.did: "alice.test"}
    assert await house.panel.people.handles([]) == {}
