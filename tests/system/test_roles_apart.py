"""One role a process, by `hearth@.service`, on a machine; and back to one process."""

import pytest

from tests.system.machine import Machine
from tests.system.test_installation import members

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]


def test_each_role_by_itself_is_the_same_network(box: Machine) -> None:
    before = members(box)
    roles = box.run("hearth health").stdout.partition("answers from ")[2].replace(",", "").split()
    assert {"pds", "relay", "appview", "admin"} <= set(roles)
    units = " ".join(f"hearth@{role}" for role in roles)
    box.run(f"systemctl start {units}")
    box.until("hearth health")
    assert box.run("systemctl is-active hearth", check=False).stdout.strip() == "inactive"
    assert members(box) == before
    relay = box.run("systemctl show hearth@relay -P MainPID").stdout.strip()
    box.run(f"kill -KILL {relay}")
    box.until(f"[ $(systemctl show hearth@relay -P MainPID) != {relay} ] && hearth health")
    score = box.run("systemd-analyze security --no-pager hearth@relay.service").stdout
    assert float(score.rpartition("hearth@relay.service: ")[2].split()[0]) <= 1.5
    box.run("systemctl start hearth")
    box.until("hearth health")
    assert "active" not in box.run(f"systemctl is-active {units}", check=False).stdout.split()
    assert members(box) == before
