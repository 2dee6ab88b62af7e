"""Ports 80 and 443 of an installed machine, opened by the wizard, without a command by root."""

from pathlib import Path

import pytest

from tests.support.pebble import Pebble
from tests.system.conftest import Installed
from tests.system.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

NAME = "social.example.org"
# Walks the wizard as a browser does: the code, and what is chosen.
WIZARD = """
import re, sys, time, urllib.error, urllib.parse, urllib.request
from http.cookiejar import CookieJar

PANEL = "http://127.0.0.1:2587"
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

def load(path, fields=None):
    body = None if fields is None else urllib.parse.urlencode(fields).encode()
    for _ in range(300):
        try:
            return browser.open(PANEL + path, body, timeout=60).read().decode()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return error.read().decode()
        except OSError:
            pass
        time.sleep(0.2)

def send(path, **fields):
    token = re.search('name="form_token" value="([^"]*)"', load(path))
    return load(path, {"form_token": token[1], **fields})

code, kind = sys.argv[1:]
password = "the cat sleeps all day"
if code:
    send("/claim", code=code, password=password, again=password)
    send("/setup/name", name="The Smiths")
else:
    send("/sign-in", password=password)
names = {"home": {"suffix": "smiths.home", "address": "http://127.0.0.1:2580"}}
send("/setup/reach", kind=kind, **names.get(kind, {"hostname": "social.example.org"}))
print(load("/setup/reach/seen"))
"""

# Asks by HTTPS, once or until it is told to end, and says what came of it.
CALLER = """
import http.client, pathlib, socket, ssl, sys, time
trusted = ssl.create_default_context(cafile="/input/signs.pem")

class Door(http.client.HTTPSConnection):
    def connect(self):
        raw = socket.create_connection(("127.0.0.1", 443), 60)
        self.sock = trusted.wrap_socket(raw, server_hostname=self.host)

calls = lost = 0
while not calls or (len(sys.argv) > 1 and not pathlib.Path("/tmp/enough").exists()):
    calls += 1
    try:
        door = Door("social.example.org", timeout=60)
        door.request("GET", "/xrpc/_health")
        lost += door.getresponse().status != 200
        door.close()
    except OSError as error:
        lost += 1
        print(error, file=sys.stderr)
    time.sleep(0.01)
pathlib.Path("/tmp/calls").write_text(f"{calls} {lost}")
sys.exit(lost)
"""

# Where a browser is sent on to by port 80.
PLAIN = """
import http.client
door = http.client.HTTPConnection("127.0.0.1", 80, timeout=60)
door.request("GET", "/x", headers={"Host": "social.example.org"})
answer = door.getresponse()
print(answer.status, answer.getheader("Location"))
"""


@pytest.fixture
def fresh(box: Machine) -> Machine:
    """A machine on which nobody has begun, and whose network asks an authority at home."""
    box.run("systemctl stop hearth && rm -rf /var/lib/hearth/* && rm -f /opt/hearth/ports.json")
    box.run(
        "sed -i /HEARTH_/d /etc/hearth/hearth.env; grep localhost /etc/hosts || "
        "echo 127.0.0.1 localhost >>/etc/hosts"
    )
    for name, text in (("wizard", WIZARD), ("caller", CALLER), ("plain", PLAIN)):
        (box.input / f"{name}.py").write_text(text)
    return box


def begin(box: Machine, kind: str) -> str:
    """Answer the wizard's questions; give the page that says what is seen."""
    box.run("systemctl start hearth")
    box.until("hearth claim")
    code = box.run("hearth claim").stdout.partition("code=")[2].split()[0]
    return box.run(f"python3 /input/wizard.py {code} {kind}").stdout


def is_enabled(box: Machine, unit: str) -> bool:
    return box.run(f"systemctl is-enabled --quiet {unit}", check=False).returncode == 0


def test_the_wizard_opens_them_and_pebble_signs_through_them(
    fresh: Machine, tmp_path: Path
) -> None:
    with Pebble(tmp_path / "pebble", 80, 443, inside=fresh.in_its_network()) as pebble:
        (fresh.input / "trusted.pem").write_bytes(pebble.root.read_bytes())
        settings = {
            "HEARTH_HTTPS_DIRECTORY": pebble.directory,
            "HEARTH_DEV_ALLOW_LOOPBACK": "true",
            "HEARTH_DIRECTORY_ENABLED": "true",
            "HEARTH_PDS_PLC_URL": "",
            "SSL_CERT_FILE": "/input/trusted.pem",
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (fresh.input / "more.env").write_text(lines)
        fresh.run("cat /input/more.env >>/etc/hearth/hearth.env")
        begin(fresh, "direct")
        fresh.until(
            "hearth health && [ -e /opt/hearth/ports.json ] && test -n "
            '"$(ls /var/lib/hearth/secrets/https/*.pem)"'
        )
        fresh.run(
            "python3 -c 'import urllib.request as r, ssl; c = ssl._create_unverified_context();"
            f'print(r.urlopen("{pebble.management}/roots/0", context=c).read().decode())\''
            " >/tmp/signs.pem"
        )
        (fresh.input / "signs.pem").write_text(fresh.run("cat /tmp/signs.pem").stdout)
        fresh.until("python3 /input/caller.py")
        # It was not asked for before they were open.
        fresh.run("! journalctl -u hearth -o cat | grep -e 'no certificate' -e failure")
        assert fresh.run("python3 /input/plain.py").stdout.split() == [
            "308",
            f"https://{NAME}/x",
        ]
        assert is_enabled(fresh, "hearth.socket")
        assert is_enabled(fresh, "hearth-https.socket")
        # Whoever calls while it starts anew waits, and is served.
        caller = fresh.begin("python3 /input/caller.py on")
        fresh.run("systemctl restart hearth")
        fresh.until("hearth health")
        fresh.run("touch /tmp/enough")
        assert caller.wait(120) == 0
        calls, lost = map(int, fresh.run("cat /tmp/calls").stdout.split())
        assert calls
        assert not lost
        fresh.cut_power()
        fresh.boot()
        fresh.until("hearth health && python3 /input/caller.py")
        # Chosen otherwise, they are closed again.
        fresh.run("python3 /input/wizard.py '' home")
        fresh.until("hearth health && ! systemctl is-enabled hearth.socket hearth-https.socket")
        fresh.run("! python3 /input/plain.py && ! systemctl is-active hearth-https.socket")


def test_a_port_that_is_somebody_elses_stays_theirs_until_it_is_free(fresh: Machine) -> None:
    web = fresh.begin("cd /tmp && echo $$ >web.pid && exec python3 -m http.server 80")
    fresh.until("python3 /input/plain.py")
    begin(fresh, "direct")
    fresh.until("hearth health && grep -q '\"failed\": .80.' /opt/hearth/ports.json")
    assert not is_enabled(fresh, "hearth.socket")
    assert is_enabled(fresh, "hearth-https.socket")
    assert not fresh.run("systemctl list-units --failed --plain --no-legend 'hearth*'").stdout
    assert "another program" in fresh.run("hearth checkup", check=False).stdout
    assert fresh.run("python3 /input/plain.py").stdout.startswith("404")
    fresh.run("kill $(cat /tmp/web.pid)")
    web.wait(60)
    fresh.run("hearth https again")
    fresh.until("python3 /input/plain.py | grep '^308'")


def test_on_an_image_a_web_server_beside_it_is_given_port_80(fresh: Machine) -> None:
    fresh.run("HEARTH_WHEELS=/input/wheels /input/1.0.0/install.sh image")
    fresh.run(
        "systemctl daemon-reload; systemctl start hearth-ports.path; systemctl enable --now "
        "hearth.socket; printf '[door]\\nport = 80\\n' >/var/lib/hearth/hearth.toml; "
        "chown -R hearth:hearth /var/lib/hearth"
    )
    begin(fresh, "home")
    fresh.until("hearth health && python3 /input/plain.py")
    assert is_enabled(fresh, "hearth.socket")
    fresh.run("python3 /input/wizard.py '' forward")
    fresh.until("! systemctl is-active hearth.socket")
    assert not is_enabled(fresh, "hearth.socket")
    web = fresh.begin("cd /tmp && echo $$ >web.pid && exec python3 -m http.server 80")
    fresh.until("python3 /input/plain.py | grep ^404")
    fresh.until("hearth health")
    fresh.run("kill $(cat /tmp/web.pid)")
    web.wait(60)


def test_what_a_service_taken_over_asks_for_changes_nothing(
    installed: Installed, fresh: Machine
) -> None:
    fresh.run("systemctl start hearth && systemctl is-active hearth-ports.path")
    before = fresh.run("systemctl list-unit-files --state=enabled --no-legend").stdout
    as_hearth = "setpriv --reuid hearth --regid hearth --clear-groups"
    for wish in ("echo [22]", "echo [80,443,1]", "head -c 100000 /dev/zero", "echo ../x"):
        fresh.run("install -d -o hearth -g hearth -m 700 /var/lib/hearth/ports")
        fresh.run(f'{as_hearth} sh -c "{wish} >/var/lib/hearth/ports/wanted"')
        fresh.until("[ ! -e /var/lib/hearth/ports/wanted ]")
        fresh.until("! systemctl is-active hearth-ports.service")
    fresh.run(f"{as_hearth} ln -s /etc/shadow /var/lib/hearth/ports/wanted")
    fresh.until("[ ! -L /var/lib/hearth/ports/wanted ]")
    fresh.run("test -s /etc/shadow && [ ! -e /opt/hearth/ports.json ]")
    assert fresh.run("systemctl list-unit-files --state=enabled --no-legend").stdout == before
    said = fresh.run("systemd-analyze security --no-pager hearth-ports.service").stdout
    assert float(said.rpartition("hearth-ports.service: ")[2].split()[0]) <= 1.5
