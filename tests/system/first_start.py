"""A computer with Hearth, from its first start to a network of two, by wizard and command."""

import asyncio
import re

from aiohttp import ClientSession, ClientTimeout, CookieJar

from tests.support.appliance import wait_until
from tests.support.client import Member, sign_in
from tests.system.disks import root_gigabytes
from tests.system.virtual import PANEL, VirtualMachine

CODE = "OURS-2026"
PASSWORD = "the cat sleeps all day"
# By the emulation of a processor, beside other work.
PATIENCE = ClientTimeout(total=300)
TOKEN = re.compile(r'name="form_token" value="([^"]*)"')


def check_first_start(box: VirtualMachine) -> str:
    """See the wizard, and the code it told on the boot partition; then it is switched off."""
    status, page = box.get(box.panel_port, "/claim", f"hearth.local:{PANEL}")
    assert status == 200
    assert b'name="code"' in page
    assert box.get(box.door_port, "/", "hearth.local")[0] == 302
    wait_until(lambda: root_gigabytes(box.disk) > 3, "the root has the disk", 1200)
    wait_until(lambda: code_to_begin(box) != "", "the link is on the boot partition", 1200)
    box.cut_power()
    said = box.file_on_card("hearth-said.txt")
    assert "ssh: off" in said, (said, box.file_on_card("begin.txt"))
    return code_to_begin(box)


def code_to_begin(box: VirtualMachine) -> str:
    link = re.search(r"/claim\?code=(\S+)", box.file_on_card("begin.txt"))
    return link[1] if link else ""


def begin_network(box: VirtualMachine) -> None:
    """Set up the network of a computer named smiths, with ann and bob."""
    asyncio.run(set_up(box))
    wait_until(lambda: door_answers(box), "the network answers", 1200)
    for name in ("ann", "bob"):
        box.run(f"hearth account create {name}.smiths.home --password '{PASSWORD}'")


def door_answers(box: VirtualMachine) -> bool:
    try:
        return box.get(box.door_port, "/xrpc/_health", "127.0.0.1")[0] == 200
    except OSError:
        return False


async def set_up(box: VirtualMachine) -> None:
    """Go through the wizard, as a browser does that knows the computer by its name."""
    panel = f"http://127.0.0.1:{box.panel_port}"
    jar = CookieJar(unsafe=True)
    headers = {"Host": f"smiths.local:{PANEL}"}
    async with ClientSession(cookie_jar=jar, headers=headers, timeout=PATIENCE) as http:

        async def send(path: str, **fields: str) -> str:
            async with http.get(f"{panel}{path}") as page:
                token = TOKEN.search(await page.text())
                assert token is not None, (page.status, path)
            data = {"form_token": token[1], **fields}
            async with http.post(f"{panel}{path}", data=data, allow_redirects=False) as answer:
                assert answer.status == 303, await answer.text()
                return answer.headers["Location"]

        owner = {"code": CODE, "password": PASSWORD, "again": PASSWORD}
        assert await send("/claim", **owner) == "/setup/name"
        assert await send("/setup/name", name="The Smiths") == "/setup/reach"
        address = f"http://127.0.0.1:{box.door_port}"
        chosen = {"kind": "home", "suffix": "smiths.home", "address": address}
        assert await send("/setup/reach", **chosen) == "/setup/reach/seen"


async def members(http: ClientSession, box: VirtualMachine) -> list[Member]:
    pds = f"http://127.0.0.1:{box.door_port}"
    return [await sign_in(http, pds, f"{name}.smiths.home", PASSWORD) for name in ("ann", "bob")]


async def talk(box: VirtualMachine) -> None:
    """See that what one member writes comes to the other."""
    async with ClientSession(timeout=PATIENCE) as http:
        ann, bob = await members(http, box)
        await bob.follow(ann)
        await bob.sees(await ann.write_post("from a stick"), 300)


def check_machine(box: VirtualMachine) -> None:
    """See that a computer was made to run by itself, and long."""
    assert box.run("systemctl list-units --failed --plain --no-legend").strip() == ""
    assert box.run("findmnt -no FSTYPE /var/log").strip() == "tmpfs"
    assert box.run("journalctl --header | grep -c /var/log/journal || true").strip() == "0"
    assert "1min" in box.run("systemctl show -p RuntimeWatchdogUSec")
    assert "zram" in box.run("cat /proc/swaps")
    assert box.run("passwd -S root | cut -d' ' -f2").strip() == "L"
    assert "restic" in box.run("restic version")
    timers = "hearth-backup.timer hearth-update.timer"
    assert box.run(f"systemctl is-active {timers}").split() == ["active", "active"]
    assert "answers from" in box.run("hearth health")
