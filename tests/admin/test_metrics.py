"""What a program that watches is told: all roles at once, at the panel, to the operator alone."""

import re

from tests.support.panel_house import House, Seen
from tests.support.roles_beside import relay_beside

LINE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+$')


async def metrics(house: House, **headers: str) -> Seen:
    return await house.visitor().get("/metrics", **headers)


async def test_all_roles_are_told_to_the_operator_and_to_nobody_else(house: House) -> None:
    await house.box.sign_up("ann")
    await house.box.log_in("ann.test")
    await house.box.pds.figures.take()
    assert (await metrics(house)).status == 401
    assert (await metrics(house, Authorization="Basic YWRtaW46d3Jvbmc=")).status == 401
    async with relay_beside(house):
        told = await metrics(house, Authorization=house.box.pds.access.header)
    lines = told.text.splitlines()
    for line in (
        "account_created_total 1",
        "session_created_total 2",
        "oauth_authorization_total 0",
        "hearth_pds_accounts 1",
        'hearth_pds_worker_running{worker="pds mail"} 1',
        "hearth_relay_quarantined 0",
        "hearth_directory_dids 1",
    ):
        assert line in lines, [each for each in lines if each[:12] == line[:12]]
    assert any(line.startswith('hearth_storage_bytes{kind="repos"} ') for line in lines)
    assert all(LINE.match(line) for line in lines if not line.startswith("#"))
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named)), "each name is declared once, or Prometheus refuses all"
