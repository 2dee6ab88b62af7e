"""Updates from a signed channel, on Debians of their own: the service asks, root proves."""

import json
import time
from pathlib import Path

import pytest

from appliance.updates.archives import describe, make_archive
from appliance.updates.channel import FILE, SIGNATURE
from appliance.updates.signatures import PublisherKey
from tests.support.publisher import DAY, stamp
from tests.system.conftest import BROKEN, FIRST, SECOND
from tests.system.machine import Machine
from tests.system.test_installation import members, running

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

KEY = PublisherKey.generate()


def publish(box: Machine, version: str) -> Path:
    """Put a release into a channel that the machine sees, with all its packages."""
    folder = box.input / "channel"
    folder.mkdir(exist_ok=True)
    archive = folder / f"hearth-{version}.tar.gz"
    if not archive.exists():
        files = {
            str(path.relative_to(top)): path
            for top in (box.input / version, box.input)
            for path in (top / "wheels" if top == box.input else top).rglob("*")
            if path.is_file()
        }
        make_archive(files, archive, 1_800_000_000)
    about = describe(archive, "any")
    release = {
        "version": version,
        "date": "2027-01-15",
        "python": "3.11",
        "changes": f"What is new in {version}.",
        "archives": [
            {"machine": "any", "name": about.name, "size": about.size, "sha256": about.sha256}
        ],
    }
    now = time.time()
    told = {"hearth": 1, "made": stamp(now), "until": stamp(now + DAY), "releases": [release]}
    content = json.dumps(told).encode()
    (folder / FILE).write_bytes(content)
    (folder / SIGNATURE).write_text(KEY.sign(content, "hearth channel"))
    return archive


@pytest.fixture
def subscriber(box: Machine) -> Machine:
    """A machine that reads a channel, and trusts who signs it."""
    (box.input / "release.pub").write_text(KEY.public_text)
    box.run("cp /input/release.pub /etc/hearth/release.pub")
    box.run("echo HEARTH_UPDATE_CHANNEL=/input/channel >>/etc/hearth/hearth.env")
    box.run("echo HEARTH_UPDATE_AUTOMATIC=false >>/etc/hearth/hearth.env")
    box.run("systemctl restart hearth")
    return box


def test_a_new_release_comes_from_a_channel_and_one_that_fails_goes_again(
    subscriber: Machine,
) -> None:
    publish(subscriber, BROKEN)
    assert f"What is new in {BROKEN}." in subscriber.run("hearth update check").stdout
    failed = subscriber.run("hearth update now", check=False)
    assert failed.returncode == 1
    assert f"{BROKEN} was not kept" in failed.stderr
    assert running(subscriber) == FIRST
    publish(subscriber, SECOND)
    done = subscriber.run("hearth update now").stdout
    assert f"{SECOND} answers" in done
    assert running(subscriber) == SECOND
    assert "nothing newer" in subscriber.run("hearth update now").stdout
    subscriber.run("/opt/hearth/current/install.sh rollback")
    assert running(subscriber) == FIRST
    # As the panel does it: the service itself, within its confinement, fetches and asks.
    asked = "/var/lib/hearth/updates-asked.json"
    subscriber.run(f"""echo '{{"asked": "install"}}' >{asked} && chown hearth {asked}""")
    subscriber.until(f"hearth health | grep -F {SECOND}")


def test_what_the_service_forges_is_refused_by_root(subscriber: Machine) -> None:
    """The service has been taken over: it may write what it likes into its folder."""
    archive = publish(subscriber, SECOND)
    folder = "/var/lib/hearth/updates"
    as_service = "setpriv --reuid hearth --regid hearth --clear-groups sh -c"
    forge = (
        f"mkdir {folder} && cp /input/channel/* {folder} && echo evil >>{folder}/{archive.name}"
        f' && echo {{\\"version\\": \\"{SECOND}\\"}} >{folder}/wanted'
    )
    subscriber.run(f"{as_service} '{forge}'")
    subscriber.until("[ -e /opt/hearth/updates/answer.json ]")
    answer = json.loads(subscriber.run("cat /opt/hearth/updates/answer.json").stdout)
    assert answer["state"] == "refused"
    assert "not the file that was signed" in answer["reason"]
    subscriber.until(f"[ ! -e {folder}/wanted ]")
    assert running(subscriber) == FIRST
    subscriber.run(f"{as_service} '! touch /etc/hearth/release.pub'")
    subscriber.run(f"{as_service} '! touch /opt/hearth/updates/answer.json'")


def test_a_release_that_ends_again_and_again_is_left_for_a_newer_one(subscriber: Machine) -> None:
    """Nobody is there who could look, but the timer."""

    def look() -> str:
        unit = "hearth-update-due.service"
        subscriber.run(f"systemctl start {unit}; journalctl --sync; journalctl --rotate")
        return subscriber.run(f"journalctl -q -o cat -u {unit} -n 8 --no-pager").stdout

    publish(subscriber, SECOND)
    subscriber.run("echo 'raise SystemExit(1)' >>/opt/hearth/current/appliance/service.py")
    subscriber.run("systemctl restart --no-block hearth")
    subscriber.until("[ $(systemctl show hearth -P NRestarts) -gt 1 ]")
    # What has looked in vain a moment ago does so again in an hour.
    assert "is there" in subscriber.run("hearth update check").stdout
    assert "nothing is due" in look()
    subscriber.run("sed -i s/AUTOMATIC=false/AUTOMATIC=true/ /etc/hearth/hearth.env")
    subscriber.run("hearth update hold && date +HEARTH_UPDATE_HOUR=%-H >>/etc/hearth/hearth.env")
    assert "nothing is due" in look()
    subscriber.run("hearth update resume")
    subscriber.run("date +HEARTH_UPDATE_HOUR=%-H >>/etc/hearth/hearth.env")
    assert "verifying" in look()
    subscriber.until(f"hearth health | grep -F {SECOND}")
    assert members(subscriber) == {"network", "ann"}
