"""A machine with Hearth, from the installation to the last trace; short enough for every day."""

from tests.system.conftest import BROKEN, FIRST, SECOND, Installed, script, setup
from tests.system.machine import Machine
from tests.system.test_installation import members, running


def live(installed: Installed, box: Machine) -> None:
    """Install again, upgrade, upgrade to what breaks, go back, remove, erase."""
    assert "/claim?code=" in installed.said
    assert installed.score <= 1.5
    assert "nothing to do" in setup(box, FIRST, "install")
    setup(box, SECOND, "upgrade")
    assert running(box) == SECOND
    assert "did not answer" in box.run(script(BROKEN, "upgrade"), check=False).stderr
    assert running(box) == SECOND
    setup(box, SECOND, "rollback")
    assert running(box) == FIRST
    assert members(box) == {"network", "ann"}
    assert "is kept in /var/lib/hearth" in setup(box, FIRST, "uninstall")
    box.run("ls /var/lib/hearth/pds.sqlite && ! ls /opt/hearth")
    box.run(script(FIRST, "uninstall --purge"), typed="erase\n")
    box.run("! ls -d /var/lib/hearth* /etc/hearth /etc/systemd/system/*/hearth*")
