"""Published lexicons: by the DNS, the authority's repo, and its signature."""

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.identity.lexicon_resolver import LexiconNotFound, LexiconUnreachable
from appliance.atproto.syntax import Nsid
from tests.support.lexicon_press import PDS, PLC, Press, record
from tests.support.repo_author import RepoAuthor

RECIPE = Nsid("com.example.food.recipe")
DOMAIN = "_lexicon.food.example.com"


@pytest.fixture
def press() -> Press:
    press = Press()
    press.publish(RECIPE, record(title={"type": "string"}))
    return press


async def test_a_lexicon_is_found_by_its_domain_and_proven_by_its_repo(press: Press) -> None:
    found = await press.resolver.resolve(RECIPE)
    assert found.uri == f"at://{press.author.did}/com.atproto.lexicon.schema/{RECIPE}"
    assert found.cid == Cid.for_block(press.author.blocks[f"com.atproto.lexicon.schema/{RECIPE}"])
    assert found.schema["defs"] == record(title={"type": "string"})
    assert press.asked == [DOMAIN]


async def test_it_is_asked_for_once_a_day(press: Press) -> None:
    first = await press.resolver.resolve(RECIPE)
    assert await press.resolver.resolve(RECIPE) is first
    assert press.http.requests.count(press.url(RECIPE)) == 1
    press.publish(RECIPE, record(name={"type": "string"}), revision=2)
    press.clock.advance(24 * 3600 + 1)
    assert (
        "name"
        in (await press.resolver.resolve(RECIPE)).schema["defs"]["main"]["record"]["properties"]
    )


async def test_the_last_good_one_serves_while_its_source_is_down(press: Press) -> None:
    first = await press.resolver.resolve(RECIPE)
    press.serve(RECIPE, b"", 503)
    press.clock.advance(24 * 3600 + 1)
    assert await press.resolver.resolve(RECIPE) == first


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=spf1 -all"],
        ["did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did=did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"],
        ["did=../../etc"],
    ],
)
async def test_a_domain_must_name_one_did(press: Press, texts: list[str]) -> None:
    press.dns[DOMAIN] = list(texts)
    with pytest.raises(LexiconNotFound):
        await press.resolver.resolve(RECIPE)
    assert press.resolver.is_missing(RECIPE)
    with pytest.raises(LexiconNotFound):
        await press.resolver.resolve(RECIPE)
    assert press.asked == [DOMAIN]


async def test_groups_have_names_of_their_own_in_the_dns(press: Press) -> None:
    with pytest.raises(LexiconNotFound):
        await press.resolver.resolve(Nsid("com.example.food.soups.leek"))
    assert press.asked == ["_lexicon.soups.food.example.com"]


async def test_no_answer_is_not_the_same_as_no_lexicon(press: Press) -> None:
    press.dns[DOMAIN] = None
    with pytest.raises(LexiconUnreachable):
        await press.resolver.resolve(RECIPE)
    press.dns[DOMAIN] = [f"did={press.author.did}"]
    press.clock.advance(601)
    press.serve(RECIPE, b"", 429)
    with pytest.raises(LexiconUnreachable):
        await press.resolver.resolve(RECIPE)
    press.clock.advance(601)
    press.prove(RECIPE)
    assert await press.resolver.resolve(RECIPE)


async def test_what_the_repo_does_not_hold_is_not_published(press: Press) -> None:
    leek = Nsid("com.example.food.leek")
    press.prove(leek)  # a proof that there is none
    with pytest.raises(LexiconNotFound, match="publishes no such"):
        await press.resolver.resolve(leek)
    onion = Nsid("com.example.food.onion")
    press.serve(onion, b'{"error":"RecordNotFound"}', 400)
    with pytest.raises(LexiconNotFound, match="publishes no such"):
        await press.resolver.resolve(onion)


async def test_a_proof_of_another_or_by_another_is_none(press: Press) -> None:
    proof = press.http.answers[press.url(RECIPE)].body
    stranger = RepoAuthor("stranger")
    document = press.author.document(PDS)
    key = stranger.document(PDS)["verificationMethod"][0]["publicKeyMultibase"]
    document["verificationMethod"][0]["publicKeyMultibase"] = key
    press.http.put(f"{PLC}/{press.author.did}", document)
    with pytest.raises(LexiconNotFound, match="not signed"):
        await press.resolver.resolve(RECIPE)
    for number, damaged in enumerate((b"", proof[:-1], proof[:200], proof + b"\x01", b"\xff" * 99)):
        nsid = Nsid(f"com.example.food.broken{number}")
        press.serve(nsid, damaged)
        with pytest.raises(LexiconNotFound):
            await press.resolver.resolve(nsid)


@pytest.mark.parametrize(
    "definitions",
    [
        {},
        {"main": {"type": "soup"}},
        {"main": {"type": "string", "maxLength": "long"}},
        {"a": {"type": "object", "properties": {"b": {"type": "ref", "ref": "not a ref"}}}},
    ],
)
async def test_what_is_no_lexicon_is_not_taken_for_one(
    press: Press, definitions: dict[str, object]
) -> None:
    nsid = Nsid("com.example.food.odd")
    press.publish(nsid, definitions)
    with pytest.raises(LexiconNotFound, match="not valid"):
        await press.resolver.resolve(nsid)


async def test_a_lexicon_bears_the_name_it_is_filed_under(press: Press) -> None:
    nsid = Nsid("com.example.food.other")
    press.publish(nsid, record(), id="com.example.food.recipe")
    with pytest.raises(LexiconNotFound, match="that of com.example.food.recipe"):
        await press.resolver.resolve(nsid)
