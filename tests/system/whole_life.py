"""A machine with Hearth, from the installation to the last trace; short enough for every day."""

import shutil

from tests.system.conftest import BROKEN, FIRST, SECOND, Installed, script, setup
from tests.system.machine import Machine
from tests.system.test_installation import members, running


def live(installed: Installed, box: Machine) -> None:
    """Install again, upgrade, upgrade to what breaks, go back, remove, erase."""
    assert "/claim?code=" in installed.said
    assert installed.score <= 1.5
    systemd_understands(box)
    timers_watch(box)
    backups_without_the_network(box)
    assert "nothing to do" in setup(box, FIRST, "install")
    setup(box, SECOND, "upgrade")
    assert running(box) == SECOND
    assert "did not answer" in box.run(script(BROKEN, "upgrade"), check=False).stderr
    assert running(box) == SECOND
    setup(box, SECOND, "rollback")
    assert running(box) == FIRST
    timers_watch(box)
    assert members(box) == {"network", "ann"}
    assert "is kept in /var/lib/hearth" in setup(box, FIRST, "uninstall")
    box.run("ls /var/lib/hearth/pds.sqlite && ! ls /opt/hearth")
    box.run(script(FIRST, "uninstall --purge"), typed="erase\n")
    box.run("! ls -d /var/lib/hearth* /etc/hearth /etc/systemd/system/*/hearth*")
    box.run("! ls -d /etc/systemd/system/hearth* /var/lib/systemd/timers/*hearth*")


def systemd_understands(box: Machine) -> None:
    """Have it verify every unit, and judge how what timers start is confined."""
    units = box.run("ls /etc/systemd/system | grep ^hearth").stdout
    told = units.replace("hearth@.", "hearth@pds.").replace("hearth-disk@.", "hearth-disk@sda1.")
    assert len(told.split()) > 12
    verified = box.run(f"systemd-analyze verify --man=no {' '.join(told.split())}")
    assert not [line for line in verified.stderr.splitlines() if "hearth" in line]
    for unit in ("hearth-backup.service", "hearth-update-due.service"):
        exposure = box.run(f"systemd-analyze security --no-pager {unit}").stdout
        assert float(exposure.rpartition(f"{unit}: ")[2].split()[0]) <= 1.5


def timers_watch(box: Machine) -> None:
    for timer in ("hearth-backup.timer", "hearth-update.timer"):
        box.run(f"systemctl is-enabled {timer} && systemctl is-active {timer}")
        assert timer in box.run("systemctl list-timers --no-pager").stdout
    assert "hearth-backup.timer (active)" in box.run("/opt/hearth/current/install.sh status").stdout


def backups_without_the_network(box: Machine) -> None:
    """Have the timer's part take a backup while nothing else runs, and say when none is due."""
    restic = shutil.which("restic")
    assert restic, "apt install restic"
    shutil.copy(restic, box.input / "restic")
    box.run("cp /input/restic /usr/bin && mkdir -m 777 /mnt/copies")

    def start(unit: str) -> str:
        box.run(f"systemctl start {unit} && journalctl --sync")
        return box.run(f"journalctl -q -o cat -u {unit} --no-pager").stdout

    assert "backup.target names no place" in start("hearth-backup.service")
    assert "update.channel names no channel" in start("hearth-update-due.service")
    box.run("echo HEARTH_BACKUP_TARGET=/mnt/copies >>/etc/hearth/hearth.env")
    box.run("systemctl stop hearth.service")
    assert "is taken" in start("hearth-backup.service")
    assert "can be restored" in start("hearth-backup.service")
    assert "no backup is due" in start("hearth-backup.service")
    # Who has stopped it does not want it looked after.
    assert start("hearth-update-due.service").count("names no channel") == 1
    assert "inactive" in box.run("systemctl is-active hearth.service", check=False).stdout
    box.run("systemctl start hearth.service")
    box.until("hearth health")
