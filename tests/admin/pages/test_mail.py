"""Letters that wait to be handed over."""

from tests.support.panel_house import House


async def test_a_letter_with_its_code_is_shown(house: House) -> None:
    owner = await house.claim()
    assert "No letters" in (await owner.get("/mail")).words
    member = await house.box.sign_up("ann")
    await house.box.post("com.atproto.server.requestPasswordReset", email=member.email)
    seen = await owner.get("/mail")
    assert "To hand over" in seen.words
    assert "@ann.test (ann@example.com)" in seen.words
    assert (await house.box.mailed_code()) in seen.words


async def test_older_letters_are_a_page_away(house: House) -> None:
    owner = await house.claim()
    member = await house.box.sign_up("ann")
    for number in range(21):
        await house.box.pds.mailer.send(member.did, member.email, f"Letter {number}.", "Hello")
    first = await owner.get("/mail")
    assert "Letter 20." in first.words
    assert "Letter 0." not in first.words
    older = first.text.partition('href="/mail?cursor=')[2].partition('"')[0]
    assert "Letter 0." in (await owner.get(f"/mail?cursor={older}")).words
