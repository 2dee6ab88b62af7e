"""The list of members, and a new one."""

from tests.support.panel_house import House


async def test_an_empty_list_says_what_to_do(house: House) -> None:
    owner = await house.claim()
    assert "Nobody is here yet" in (await owner.get("/people")).words


async def test_members_are_listed_and_found(house: House) -> None:
    owner = await house.claim()
    for name in ("ann", "bob"):
        await house.box.sign_up(name)
    seen = await owner.get("/people")
    assert "@ann.test joined just now Active" in seen.words
    assert "@bob.test" in seen.words
    found = await owner.get("/people?q=BOB")
    assert ("@bob.test" in found.words, "@ann.test" in found.words) == (True, False)
    assert "contains “zoe”" in (await owner.get("/people?q=zoe")).words
    assert (await owner.get("/people?cursor=1")).status == 200


async def test_a_new_member_is_shown_once_with_the_password(house: House) -> None:
    owner = await house.claim()
    seen = await owner.post("/people/new", handle="Ann", email="", password="")
    assert seen.copyable("new-handle") == "ann.test"
    password = seen.copyable("new-password")
    assert (await house.box.log_in("ann.test", password)).status == 200
    assert password not in (await owner.get("/people/new")).text


MISTAKES = [
    ({"handle": "ab"}, "This cannot be a name."),
    ({"handle": "-ann"}, "This cannot be a name."),
    ({"handle": "x" * 19}, "This cannot be a name."),
    ({"handle": "ann.b.test"}, "This cannot be a name."),
    ({"handle": ""}, "This cannot be a name."),
    ({"handle": "admin"}, "This name is kept"),
    ({"handle": "ann.example.com"}, "Names here end otherwise."),
    ({"handle": "taken"}, "Somebody here has this name already."),
    ({"email": "taken@example.com"}, "Somebody here has this address already."),
    ({"email": "nonsense"}, "This is not an e-mail address."),
    ({"email": "a@b.c\r\nBcc: x@y.z"}, "This is not an e-mail address."),
    ({"password": "short"}, "A password has at least 8 characters."),
    ({"password": "x" * 1000}, "This password cannot be used."),
]


async def test_mistakes_are_said_under_their_fields(house: House) -> None:
    owner = await house.claim()
    await house.box.sign_up("taken")
    for fields, error in MISTAKES:
        given = {"handle": "ann", "email": "ann@example.com", "password": "", **fields}
        seen = await owner.post("/people/new", **given)
        assert seen.status == 422
        assert [one.startswith(error) for one in seen.errors] == [True], (fields, seen.errors)
        [name] = fields
        assert f'id="{name}-error"' in seen.text
        assert seen.text.count('aria-invalid="true"') == 1
        assert name == "handle" or 'value="ann"' in seen.text
    assert (await house.panel.people.search("ann")).items == []


async def test_a_name_that_somebody_took_elsewhere_is_given_free_once_it_was_typed(
    house: House,
) -> None:
    owner = await house.claim()
    assert "Names that are kept" not in (await owner.get("/people")).words
    did = await house.who_moved_away("webby.test")
    assert "Their account is still here" in (await owner.get("/people")).words
    path = "/people/did%3Aweb%3Awebby.test/kept"
    assert (await owner.get(path)).status == 404
    await house.box.operate("POST", "com.atproto.admin.deleteAccount", did=did)

    assert f'href="{path}"' in (await owner.get("/people")).text
    assert "the identity is never given again" in (await owner.get(path)).words
    seen = await owner.post(path, confirm="ann.test")
    assert (seen.status, seen.errors) == (422, ["This is not webby.test. Nothing was changed."])
    assert (await owner.post(path, confirm="@Webby.test")).location == "/people?done=freed"
    assert "Names that are kept" not in (await owner.get("/people?done=freed")).words
    assert (await owner.get(path)).status == 404
