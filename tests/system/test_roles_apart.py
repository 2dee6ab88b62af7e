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
    # The AppView, at the door of the PDS: it knows what it refuses.
    asked = 'python3 -c \'import http.client as h, sys; c = h.HTTPConnection("127.0.0.1", 2580)\n'
    asked += 'c.request("GET", "/img/avatar/plain/nobody/nothing"); print(c.getresponse().status)\''
    assert box.run(asked).stdout.strip() == "400"
    box.run("systemctl stop hearth@appview")
    assert box.run(asked).stdout.strip() == "502"
    box.run("systemctl start hearth@appview")
    box.until("hearth health")
    assert box.run(asked).stdout.strip() == "400"
    relay = box.run("systemctl show hearth@relay -P MainPID").stdout.strip()
    box.run(f"kill -KILL {relay}")
    box.until(f"[ $(systemctl show hearth@relay -P MainPID) != {relay} ] && hearth health")
    score = box.run("systemd-analyze security --no-pager hearth@relay.service").stdout
    assert float(score.rpartition("hearth@relay.service: ")[2].split()[0]) <= 1.5
    box.run("systemctl start hearth")
    box.until("hearth health")
    assert "active" not in box.run(f"systemctl is-active {units}", check=False).stdout.split()
    assert members(box) == before
