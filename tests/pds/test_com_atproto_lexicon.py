"""What an NSID means, over HTTP."""

import pytest

from tests.support.lexicon_press import Press, record
from tests.support.pds_box import Box

RESOLVE = "com.atproto.lexicon.resolveLexicon"


@pytest.fixture
def press(box: Box, monkeypatch: pytest.MonkeyPatch) -> Press:
    """Somebody who publishes lexicons, and whom the PDS asks."""
    press = Press()
    monkeypatch.setattr(box.pds.lexicon_resolver, "resolve", press.resolver.resolve)
    return press


async def test_a_lexicon_is_told_with_its_record(box: Box, press: Press) -> None:
    press.publish("com.example.note", record(text={"type": "string"}))
    answer = await box.get(RESOLVE, nsid="com.example.note")
    assert answer.status == 200, answer
    told = answer.json
    assert told["uri"] == f"at://{press.author.did}/com.atproto.lexicon.schema/com.example.note"
    assert told["cid"].startswith("bafyrei")
    assert (told["schema"]["lexicon"], told["schema"]["id"]) == (1, "com.example.note")
    assert told["schema"]["$type"] == "com.atproto.lexicon.schema"


async def test_what_nobody_publishes_is_not_found(box: Box, press: Press) -> None:
    answer = await box.get(RESOLVE, nsid="com.example.nothing")
    assert (answer.status, answer.error) == (400, "LexiconNotFound")
    press.dns["_lexicon.example.com"] = None
    silent = await box.get(RESOLVE, nsid="com.example.silent")
    assert silent.status in (400, 502)
    assert (await box.get(RESOLVE, nsid="nonsense")).error == "InvalidRequest"
