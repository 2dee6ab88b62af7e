"""install.sh on Debians of their own, with systemd as process 1: all that an owner does with it."""

import shutil

import pytest

from tests.system.conftest import (
    BROKEN,
    FIRST,
    MIGRATING,
    NAMED,
    SECOND,
    Installed,
    script,
    setup,
)
from tests.system.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

# Says how many of the calls made until it is told to end were not answered by the front door.
CALLER = """
import http.client, pathlib, time
calls = lost = 0
while not pathlib.Path("/tmp/enough").exists():
    calls += 1
    try:
        door = http.client.HTTPConnection("127.0.0.1", 2580, timeout=60)
        door.request("GET", "/xrpc/_health")
        lost += door.getresponse().status != 200
    except OSError:
        lost += 1
    time.sleep(0.01)
pathlib.Path("/tmp/calls").write_text(f"{calls} {lost}")
"""


# A member puts up a picture, and asks for it as clients do: small, by the AppView.
PICTURE = """
import io, json, sys, time, urllib.error, urllib.request
from PIL import Image

def call(path, body=None, kind="application/json", token=""):
    headers = {"Content-Type": kind, "Host": "hearth.home"}
    if token:
        headers["Authorization"] = "Bearer " + token
    asked = urllib.request.Request("http://127.0.0.1:2580" + path, body, headers)
    return urllib.request.urlopen(asked, timeout=60).read()

def post(name, value, **more):
    return json.loads(call("/xrpc/com.atproto." + name, json.dumps(value).encode(), **more))

me = post("server.createSession", {"identifier": "ann.hearth.home", "password": sys.argv[1]})
drawn = io.BytesIO()
Image.new("RGB", (1200, 900), "teal").save(drawn, "PNG")
path = "/xrpc/com.atproto.repo.uploadBlob"
blob = json.loads(call(path, drawn.getvalue(), "image/png", me["accessJwt"]))["blob"]
profile = {"$type": "app.bsky.actor.profile", "avatar": blob}
record = {"repo": me["did"], "collection": profile["$type"], "rkey": "self", "record": profile}
post("repo.putRecord", record, token=me["accessJwt"])
small = f"/img/avatar_thumbnail/plain/{me['did']}/{blob['ref']['$link']}"
for _ in range(100):
    try:
        print(*Image.open(io.BytesIO(call(small))).size)
        break
    except urllib.error.HTTPError as error:
        print(error.code, error.read(), file=sys.stderr)
        time.sleep(0.5)
"""


def running(machine: Machine) -> str:
    """The version that runs and answers."""
    machine.until("hearth health")
    return machine.run("hearth health").stdout.split()[1].rstrip(":")


def members(machine: Machine) -> set[str]:
    machine.until("hearth health")
    return {line.split(".")[0] for line in machine.run("hearth account list").stdout.splitlines()}


def schema(machine: Machine) -> int:
    """The version of the schema of the PDS."""
    code = (
        "import sqlite3; pds = sqlite3.connect('/var/lib/hearth/pds.sqlite');"
        "print(*pds.execute('PRAGMA user_version').fetchone())"
    )
    return int(machine.run(f'python3 -c "{code}"').stdout)


def test_an_installation_ends_with_the_link_to_begin(installed: Installed, box: Machine) -> None:
    assert "this will" in installed.said
    assert "/claim?code=" in installed.said
    assert "▄▄▄▄▄" in installed.said
    assert installed.score <= 1.5
    process = box.run("ps -o user= -p $(systemctl show hearth -P MainPID)").stdout
    assert process.strip() == "hearth"
    assert box.run("stat -c '%a %U' /var/lib/hearth").stdout == "700 hearth\n"
    told = box.run("hearth health").stdout
    assert all(role in told for role in ("directory", "pds", "relay", "appview", "admin"))


def test_an_installation_done_again_changes_nothing(box: Machine) -> None:
    process = "systemctl show hearth -P MainPID"
    before = box.run(process).stdout
    assert "nothing to do" in setup(box, FIRST, "install")
    assert "nothing to do" in setup(box, FIRST, "upgrade")
    assert box.run(process).stdout == before


def test_an_upgrade_refuses_nobody_who_calls_meanwhile_and_can_be_taken_back(box: Machine) -> None:
    (box.input / "caller.py").write_text(CALLER)
    caller = box.begin("python3 /input/caller.py")
    assert SECOND in setup(box, SECOND, "upgrade")
    box.run("touch /tmp/enough")
    assert caller.wait(60) == 0
    calls, lost = map(int, box.run("cat /tmp/calls").stdout.split())
    assert calls > 50
    assert lost == 0
    assert running(box) == SECOND
    box.run("hearth account create bob.hearth.home")
    setup(box, SECOND, "rollback")
    assert running(box) == FIRST
    assert members(box) >= {"ann", "bob"}
    box.cut_power()
    box.boot()
    assert running(box) == FIRST


def test_a_release_that_does_not_answer_is_taken_back_with_what_it_did_to_the_data(
    box: Machine,
) -> None:
    before = schema(box)
    done = box.run(script(BROKEN, "upgrade"), check=False)
    assert done.returncode == 1
    assert "did not answer" in done.stderr
    assert running(box) == FIRST
    assert schema(box) == before
    assert "ann" in members(box)
    # What it had made of the data is kept beside it.
    box.run("ls /var/lib/hearth-kept/before-1.3.0-*.undone/pds.sqlite")
    assert "back from 1.3.0" in setup(box, FIRST, "status")
    assert MIGRATING in setup(box, MIGRATING, "upgrade")
    assert running(box) == MIGRATING


def test_a_change_that_cannot_begin_leaves_everything_as_it_was(box: Machine) -> None:
    box.run("touch /var/lib/hearth-kept")  # no folder can be made there
    done = box.run(script(SECOND, "upgrade"), check=False)
    assert done.returncode == 1
    assert "not begun" in done.stderr
    assert running(box) == FIRST


def test_going_back_behind_a_change_of_the_data_is_the_owners_to_decide(box: Machine) -> None:
    before = schema(box)
    setup(box, MIGRATING, "upgrade")
    box.run("hearth account create bob.hearth.home")
    refused = box.run(script(MIGRATING, "rollback"), check=False)
    assert refused.returncode == 1
    assert "rollback --with-data" in refused.stderr
    assert running(box) == MIGRATING
    setup(box, MIGRATING, "rollback --with-data")
    assert running(box) == FIRST
    assert schema(box) == before
    assert members(box) == {"network", "ann"}


def test_what_is_uninstalled_keeps_its_data_until_its_owner_says_otherwise(box: Machine) -> None:
    assert "is kept in /var/lib/hearth" in setup(box, FIRST, "uninstall")
    box.run("! ls /opt/hearth /etc/systemd/system/hearth.service /usr/local/bin/hearth")
    setup(box, FIRST, "install")
    assert members(box) == {"network", "ann"}
    refused = box.run(script(FIRST, "uninstall --purge"), check=False, typed="no\n")
    assert refused.returncode == 1
    assert members(box) == {"network", "ann"}
    box.run(script(FIRST, "uninstall --purge"), typed="erase\n")
    box.run("! ls -d /opt/hearth /var/lib/hearth* /etc/hearth /etc/systemd/system/*/hearth*")
    box.run("! id hearth")


def test_a_backup_is_restored_where_nobody_has_begun(box: Machine) -> None:
    restic = shutil.which("restic")
    assert restic, "apt install restic"
    shutil.copy(restic, box.input / "restic")
    box.run("cp /input/restic /usr/bin && mkdir -m 777 /mnt/copies")
    box.run("echo HEARTH_BACKUP_TARGET=/mnt/copies >>/etc/hearth/hearth.env")
    box.run("hearth backup now")
    key = box.run("hearth backup key").stdout
    refused = box.run("hearth restore /mnt/copies", check=False, typed=key)
    assert refused.returncode == 1
    assert "there is a network in /var/lib/hearth" in refused.stderr
    assert members(box) == {"network", "ann"}
    box.run(script(FIRST, "uninstall --purge"), typed="erase\n")
    assert "/claim?code=" in setup(box, FIRST, "install")
    wrong = box.run("hearth restore /mnt/copies", check=False, typed="another\n")
    assert wrong.returncode == 1
    box.until("hearth health")
    assert "2 accounts" in box.run("hearth restore /mnt/copies", typed=key).stdout
    box.run(f"echo {NAMED} >>/etc/hearth/hearth.env && systemctl restart hearth")
    assert members(box) == {"network", "ann"}


def test_a_disk_that_is_mounted_later_is_seen_and_written_to_by_the_service(box: Machine) -> None:
    # As it is wherever systemd did not find itself in a container.
    box.run("mount --make-rshared / && systemctl restart hearth")
    box.until("hearth health")
    box.run("mkdir -p /media/stick && mount -t tmpfs -o mode=777 tmpfs /media/stick")
    box.run("touch /media/stick/seen")
    process = box.run("systemctl show hearth -P MainPID").stdout.strip()
    inside = f"/proc/{process}/root/media/stick"
    box.run(f"ls {inside}/seen && nsenter -t {process} -m touch /media/stick/written")
    box.run("ls /media/stick/written && umount /media/stick")
    box.until(f"! ls {inside}/seen")
    box.run("systemctl cat hearth-disk@sdb1.service")


def test_a_process_that_hangs_or_dies_is_followed_by_another(box: Machine) -> None:
    box.run("mkdir -p /run/systemd/system/hearth.service.d")
    box.run("printf '[Service]\\nWatchdogSec=8\\n' >/run/systemd/system/hearth.service.d/soon.conf")
    box.run("systemctl daemon-reload && systemctl restart hearth")
    for number in ("STOP", "KILL"):
        process = box.run("systemctl show hearth -P MainPID").stdout.strip()
        box.run(f"kill -{number} {process}")
        box.until(f"[ $(systemctl show hearth -P MainPID) != {process} ] && hearth health")


def test_port_80_is_served_without_root(box: Machine) -> None:
    box.run("echo HEARTH_DOOR_PORT=80 >>/etc/hearth/hearth.env && systemctl stop hearth")
    box.run("systemctl enable --now hearth.socket && systemctl start hearth")
    box.until("hearth health")
    code = "import urllib.request as r; print(r.urlopen('http://127.0.0.1/xrpc/_health').status)"
    assert box.run(f'python3 -c "{code}"').stdout == "200\n"


def test_pictures_are_made_small_in_spite_of_the_confinement(box: Machine) -> None:
    (box.input / "picture.py").write_text(PICTURE)
    password = box.run("hearth account reset-password ann.hearth.home").stdout.split()[-1]
    python = "/opt/hearth/current/.venv/bin/python"
    assert box.run(f"{python} /input/picture.py {password}").stdout == "128 128\n"


def test_power_cuts_anywhere_in_an_upgrade_end_in_a_version_that_works(box: Machine) -> None:
    versions = [FIRST, SECOND]
    amid = 0
    for cut in range(20):
        target = versions[(versions.index(running(box)) + 1) % 2]
        box.run("rm -f /opt/hearth/result")
        begun = box.begin(script(target, "upgrade"))
        if cut >= 4:
            # The preparation has been cut off; now the change itself, ever later.
            box.until("[ -e /opt/hearth/change ] || [ -e /opt/hearth/result ]")
        box.run(f"sleep {cut * 0.4 if cut < 4 else (cut - 4) * 0.35}")
        box.cut_power()
        begun.wait(60)
        amid += (box.upper / "opt/hearth/change").exists()
        box.boot()
        box.until("[ ! -e /opt/hearth/change ] && hearth health")
        assert running(box) in versions
        assert members(box) >= {"network", "ann"}
    # Others fell into the preparation, or after the new release was proven.
    assert amid >= 8
