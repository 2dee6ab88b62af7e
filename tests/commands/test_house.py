"""`hearth account`, further: names that are kept for who moved away."""

import argparse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did, Handle
from appliance.commands import house
from appliance.operator import Operator
from appliance.pds.web_identities import Place
from tests.support.pds_box import PASSWORD, Box, open_box

DID = Did("did:web:webby.test")
THERE = Place.of("https://there.example.com", PrivateKey.generate().public.did_key)


class Hands(Operator):
    """The operator's hands at a PDS in this process."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def query(self, nsid: str, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        answer = await self._box.operate("GET", nsid, **given)
        assert answer.status == 200, answer
        return answer.json

    async def call(self, nsid: str, **fields: Any) -> Any:
        answer = await self._box.operate("POST", nsid, **fields)
        assert answer.status == 200, answer
        return answer.json


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


async def test_a_kept_name_is_listed_and_given_free_with_a_warning_first(box: Box) -> None:
    said: list[str] = []
    given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}
    await box.operate("POST", "internal.hearth.pds.openWebAccount", **given)
    await box.pds.lifecycle.point(DID, Handle("webby.test"), THERE)
    nothing = argparse.Namespace()
    await house.show_kept_names(Hands(box), nothing, said.append)
    assert said[0].endswith("(their account is still here)")
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=DID)
    await house.show_kept_names(Hands(box), nothing, said.append)
    assert said[1].split() == ["webby.test", DID, "lives", "at", THERE.pds_url]

    await house.free_name(Hands(box), argparse.Namespace(did=DID, yes=False), said.append)
    assert said[2].startswith("Nothing was done.")
    assert box.pds.web_identities.document(DID) is not None
    await house.free_name(Hands(box), argparse.Namespace(did=DID, yes=True), said.append)
    assert said[3] == "did:web:webby.test has ended; its name can be given to others"
    assert box.pds.web_identities.document(DID) is None
    await house.show_kept_names(Hands(box), nothing, said.append)
    assert len(said) == 4
