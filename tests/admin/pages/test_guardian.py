"""The owner has a member looked after, and hands the account over."""

from tests.support.panel_house import House

LABELER = "did:plc:ar7c4by46qjdydhdevvrndac"


async def test_an_account_is_looked_after_by_a_member_and_handed_over(house: House) -> None:
    owner = await house.claim()
    child, mum = await house.box.sign_up("ben"), await house.box.sign_up("mum")
    page = f"/people/{child.did}/guardian"
    assert "Look after this account" in (await owner.get(f"/people/{child.did}")).words
    await owner.get(page)
    fields = {
        "guardian": "@mum",
        "birth_date": "2015-03-28",
        "no_adult": "yes",
        "muted_words": "poker\r\ntwo words\r\n",
        "labelers": LABELER,
    }
    saved = await owner.post(page, **fields)
    ward = house.box.pds.guardians.ward(child.did)
    assert ward is not None
    assert (ward.guardian, ward.pins.birth_date) == (mum.did, "2015-03-28")
    assert (ward.pins.muted_words, ward.pins.labelers) == (("poker", "two words"), (LABELER,))
    assert ward.pins.no_adult_content
    shown = await owner.get(saved.location)
    assert 'value="mum.test"' in shown.text
    assert "poker\ntwo words</textarea>" in shown.text
    assert "By @mum.test" in (await owner.get(f"/people/{child.did}")).words
    assert "Looks after @ben.test" in (await owner.get(f"/people/{mum.did}")).words
    listed = (await owner.get("/people")).words
    assert "@ben.test joined just now Looked after Active" in listed
    assert "@mum.test joined just now Guardian Active" in listed
    house.clock.advance(12 * 366 * 86_400)
    owner = await house.visitor_signed_in()
    assert "@ben.test is 18" in (await owner.get(page)).words
    over = await owner.post(f"{page}/hand-over")
    assert over.location.endswith("?done=handed-over")
    assert house.box.pds.guardians.ward(child.did) is None


async def test_what_cannot_be_fixed_is_said_beside_the_field(house: House) -> None:
    owner = await house.claim()
    child = await house.box.sign_up("ben")
    page = f"/people/{child.did}/guardian"
    for field, text, said in (
        ("guardian", "ghost", "Nobody here is called ghost."),
        ("guardian", "ben", "This cannot be"),
        ("guardian", "no name!", "Nobody here is called no name!."),
        ("birth_date", "soon", "This is not a day that has been."),
        ("birth_date", "2999-01-01", "This is not a day that has been."),
        ("labelers", "nobody", "Each line is a DID"),
        ("muted_words", "w" * 200, "At most 500 words"),
    ):
        await owner.get(page)
        seen = await owner.post(page, **{field: text})
        assert seen.status == 422
        assert said in seen.errors[0]
        assert text in seen.text
    assert house.box.pds.guardians.ward(child.did) is None
    assert (await owner.get("/people/did:plc:nobody/guardian")).status == 404
