"""Every method of the PDS gets through, for everybody whom it is declared for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.members_house import MembersHouse, open_members_house
from tests.support.pds_box import Answer
from tests.support.pds_callers import Callers, bearer
from tests.support.pds_good_requests import GoodRequests, meaningful
from tests.support.tally import APPS, ELSEWHERE, Tally, declared, meant_for


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    copies = str(tmp_path / "copies")
    async with open_members_house(
        tmp_path, backup_target=copies, checkup_looks_for_others=True
    ) as opened:
        yield opened


async def test_every_method_gets_through_for_whom_it_is_declared(
    house: MembersHouse, pytestconfig: pytest.Config
) -> None:
    good = GoodRequests(house, await meaningful(house))
    callers = await Callers.gather(house)
    tally, problems = Tally(), []
    for nsid, roles in sorted(declared().items()):
        states = meant_for(roles["pds"].auth) if "pds" in roles else ()
        for state in states:
            if (nsid, state) in ELSEWHERE:
                continue
            problem = ""
            for name in APPS if state == "app" else (state,):
                answer = await ask(good, callers, nsid, name)
                tally.note(nsid, name, answer.status, answer.json)
                if answer.status < 300:
                    break
                problem = f"{nsid} for {state}: {answer.status} {answer.json}"
            else:
                problems.append(problem)
    tally.keep(pytestconfig.getoption("--tally"), "pds-good")
    assert problems == [], "\n".join(problems)


async def ask(good: GoodRequests, callers: Callers, nsid: str, name: str) -> Answer:
    """Ask well; whatever it changed for who asks next is undone."""
    credentials = callers.known[name]
    if name == "renewal":
        credentials = bearer(await good.renewal())
    verb, path, body, headers = await good.make(nsid)
    sent = {**credentials(verb, nsid), **headers}
    answer = await good.box.ask(verb, path, data=body, headers=sent)
    await good.restore()
    return answer
