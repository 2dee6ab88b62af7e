"""`hearth account` and `hearth checkup` beside a network that runs, and beside none."""

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.appliance import ROOT, Appliance
from tests.support.client import Client, Refused, sign_in
from tests.support.commands import hearth


def test_the_key_of_a_network_goes_to_paper_and_into_a_network_built_anew(
    network: Appliance, tmp_path: Path
) -> None:
    printed = said(network, "sheet")
    *words, public, of_backups = printed.splitlines()
    assert of_backups.startswith("The key of the backups: ")
    command = [sys.executable, "-m", "appliance", "sheet", "--restore", "--data", str(tmp_path)]

    def restored(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120, check=False
        )

    assert restored(" ".join(words[:-1])).returncode == 1
    assert restored(" ".join(words)).stdout == f"put back: {public}\n"
    again = hearth("sheet", data=tmp_path).stdout
    assert again.splitlines()[:-1] == [*words, public]  # its backups begin anew, with a new key
    assert "never started" in hearth("sheet", data=tmp_path / "none").stderr


def said(network: Appliance, *args: str) -> str:
    """Give what a command prints that must succeed."""
    done = hearth(*args, data=network.data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(network: Appliance, *args: str) -> str:
    """Give what a command says that must fail, in words."""
    done = hearth(*args, data=network.data)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    return done.stderr


def test_what_is_not_there_is_no_success(network: Appliance) -> None:
    nobody = "did:web:nobody.test"
    assert "no invite is called" in refused(network, "account", "close-invite", "none")
    assert "no name is kept" in refused(network, "account", "free-name", nobody)
    assert "no name is kept" in refused(network, "account", "free-name", nobody, "--yes")
    assert "no kind of label" in refused(network, "label", "forget", "spoiler")
    shout = refused(network, "label", "define", "LOUD", "Loud", "It is loud")
    assert "small letters and hyphens" in shout
    assert "give --mend" in refused(network, "checkup", "--from", "https://a.example")
    nothing = "no certificate was asked for, and nothing has failed\n"
    assert said(network, "https", "show") == nothing
    for part in ("pds", "relay", "labeler", "appview", "admin"):
        assert part in said(network, "health")


async def test_a_member_is_made_found_hidden_shown_and_deleted(
    network: Appliance, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    handle = f"cli{network.popen.pid}.test"
    made = said(network, "account", "create", handle)
    password = made.splitlines()[1].partition("password: ")[2]
    ann = await sign_in(http, network.pds, handle, password)
    assert f"{handle:40} {ann.did:34} active" in said(network, "account", "list")
    renewed = said(network, "account", "reset-password", handle).split()[-1]
    with pytest.raises(Refused):
        await sign_in(http, network.pds, handle, password)
    await sign_in(http, network.pds, handle, renewed)
    chosen = tmp_path / "password"
    chosen.write_text("a password of her choice\n")
    reset = ("account", "reset-password", handle)
    quiet = hearth(*reset, "--password-file", str(chosen), data=network.data)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    renewed = "a password of her choice"
    await sign_in(http, network.pds, handle, renewed)
    shown = hearth(*reset, "--password", renewed, data=network.data)
    assert (shown.returncode, "better --password-file FILE" in shown.stderr) == (0, True)
    chosen.write_text("\n")
    assert "the password is empty" in refused(
        network, "account", "create", f"no{handle}", "--password-file", str(chosen)
    )
    said(network, "account", "takedown", handle)
    stranger = Client(http, network.pds)
    status = await stranger.get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert status["status"] == "takendown"
    said(network, "account", "untakedown", handle)
    told = said(network, "account", "suspend", handle, "--days", "3", "--reason", "Spam.")
    assert "is suspended for 3 days" in told
    status = await stranger.get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert status["status"] == "suspended"
    assert "suspended" in said(network, "account", "list")
    said(network, "account", "untakedown", handle)
    await sign_in(http, network.pds, handle, renewed)
    assert said(network, "account", "appview", handle) == "server\n"
    assert said(network, "account", "appview", handle, "any") == "any\n"
    made = said(network, "account", "create", f"web{handle}", "--did-web")
    assert made.splitlines()[0] == f"web{handle}  did:web:web{handle}"
    said(network, "account", "delete", ann.did)
    assert ann.did not in said(network, "account", "list")
    for verb in ("invite", "create-invite-code"):
        assert "-" in said(network, "account", verb, "--uses", "3")
    assert "no relay is set" in refused(network, "account", "request-crawl")
    asked = hearth("account", "request-crawl", network.relay, data=network.data)
    assert asked.stdout.startswith(network.relay)
    assert (asked.returncode, "no relay has taken it up" in asked.stderr) == (1, True)


def test_a_network_without_members_lists_nobody() -> None:
    appliance = Appliance()
    assert said(appliance, "account", "list") == ""
    appliance.finish()


def test_a_name_that_nobody_has_is_told_in_a_line(network: Appliance) -> None:
    done = hearth("account", "takedown", "ghost.test", data=network.data)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody here is called ghost.test" in done.stderr
    taken = hearth("account", "create", "a.b.c.test", data=network.data)
    assert (taken.returncode, "InvalidHandle" in taken.stderr) == (1, True)


def test_a_checkup_finds_a_running_network_well(network: Appliance) -> None:
    told = said(network, "checkup")
    assert ", 0 wrong" in told
    assert "BAD" not in told
    for_programs = json.loads(said(network, "checkup", "--json"))
    assert for_programs["wrong"] == 0
    assert [each for each in for_programs["findings"] if each["level"] != "good"] == []
    assert {"Part pds", "Part relay", "Identities"} <= {
        each["subject"] for each in for_programs["findings"]
    }


def test_beside_no_network_the_commands_say_how_to_start_one(tmp_path: Path) -> None:
    done = hearth("account", "list", data=tmp_path)
    assert done.returncode == 1
    assert "hearth run --data" in done.stderr
    missing = hearth("checkup", "--json", data=tmp_path / "none")
    assert missing.returncode == 1
    assert [each["cause"] for each in json.loads(missing.stdout)["findings"]][0] == "data-missing"
    assert list(tmp_path.iterdir()) == []


async def test_the_relay_is_looked_after_from_the_command_line(network: Appliance) -> None:
    home = network.pds.removeprefix("http://")
    assert home in said(network, "relay", "hosts")
    assert said(network, "relay", "limit", home, "5000") == "0 accounts that waited are let in\n"
    assert " of 5000 accounts" in said(network, "relay", "hosts")
    said(network, "relay", "limit", home)
    said(network, "relay", "ban", "spam.example", "--reason", "lies")
    assert "lies" in said(network, "relay", "bans")
    said(network, "relay", "unban", "spam.example")
    assert "spam.example" not in said(network, "relay", "bans")
    said(network, "relay", "quarantine")
    assert "no relay was asked" in said(network, "relay", "upstreams", "--now")
    nobody = "did:plc:" + "z" * 24
    assert said(network, "relay", "repair", nobody) == "its DID does not resolve\n"
    for args in (
        ("approve", "pds.nobody.com"),
        ("takedown", nobody),
        ("release", "99999"),
        ("discard", "99999"),
    ):
        done = hearth("relay", *args, data=network.data)
        assert done.returncode == 1
        assert "refused" in done.stderr


async def test_an_invite_is_a_link_with_an_end(
    network: Appliance, http: aiohttp.ClientSession
) -> None:
    link = said(network, "account", "invite", "--link", "--days", "7", "--note", "Rosa").strip()
    assert link.startswith(f"{network.pds}/join/")
    async with http.get(link) as answer:
        assert answer.status == 200
        assert "Welcome to" in await answer.text()


async def test_a_report_is_read_acted_on_and_closed_by_commands(
    network: Appliance, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    handle = f"mod{network.popen.pid}.test"
    password = said(network, "account", "create", handle).splitlines()[1].partition(": ")[2]
    ann = await sign_in(http, network.pds, handle, password)
    post = await ann.write_post("Buy this!")
    ref = {"uri": post.uri, "cid": post.cid}
    subject = {"$type": "com.atproto.repo.strongRef", **ref}
    spam = "com.atproto.moderation.defs#reasonSpam"
    await ann.post("com.atproto.moderation.createReport", reasonType=spam, subject=subject)
    listed = said(network, "moderate", "reports")
    assert ref["uri"] in listed
    number = listed.split()[0]
    assert "is taken down" in said(network, "moderate", "takedown", ref["uri"], "--reason", "Spam.")
    assert "is closed" in said(network, "moderate", "close", number, "--note", "Done.")
    assert said(network, "moderate", "reports") == ""
    assert "closed: Done." in said(network, "moderate", "reports", "--all")
    assert "is shown again" in said(network, "moderate", "restore", ref["uri"])
    assert "are closed as they come" in said(network, "moderate", "mute", handle)
    rules = tmp_path / "rules"
    rules.write_text("Be kind.")
    said(network, "moderate", "rules", str(rules))
    rules.write_bytes(b"\xff")
    assert "is no text" in refused(network, "moderate", "rules", str(rules))
    assert "cannot be read" in refused(network, "moderate", "rules", str(tmp_path / "none"))
    assert said(network, "moderate", "rules") == "Be kind.\n"
    log = said(network, "moderate", "log")
    for method in ("updateSubjectStatus", "closeReport", "muteReporter", "putHouseTexts"):
        assert f".{method}" in log
    assert "  command  " in log


async def test_a_member_is_looked_after_from_the_command_line(network: Appliance) -> None:
    handle = f"ward{network.popen.pid}.test"
    said(network, "account", "create", handle)
    assert said(network, "guardian", "show", handle) == f"{handle} is not looked after\n"
    told = said(network, "guardian", "set", handle, "--birth-date", "2015-03-28", "--mute", "poker")
    assert "2015-03-28" in told
    told = said(network, "guardian", "set", handle, "--adult-content", "allow")
    assert "as they choose" in told
    assert "poker" in told
    assert said(network, "guardian", "list").startswith(f"{handle:40} by the owner")
    assert "looks after the account alone" in said(network, "guardian", "hand-over", handle)
    assert said(network, "guardian", "list") == ""
    assert "is not looked after" in refused(network, "guardian", "hand-over", handle)
    unborn = refused(network, "guardian", "set", handle, "--birth-date", "2999-01-01")
    assert "a day that has been" in unborn
    said(network, "label", "add", handle, "!warn")
    assert said(network, "label", "list").startswith("!warn ")
    said(network, "label", "remove", handle, "!warn")


def test_the_house_is_looked_after_from_the_command_line(network: Appliance) -> None:
    handle = f"hh{network.popen.pid}.test"
    said(network, "account", "create", handle)
    code = said(network, "account", "invite", "--uses", "3", "--note", "Aunt Rosa").strip()
    assert "0 of 3 used    Aunt Rosa" in said(network, "account", "invites")
    said(network, "account", "close-invite", code)
    assert f"{code:32} closed" in said(network, "account", "invites")
    said(network, "account", "remove-second-steps", handle)
    assert "Your second steps were removed" in said(network, "account", "mail", "--last", "1")
    assert handle in said(network, "account", "storage")
    assert said(network, "settings", "pds.blob_quota", "1000000").startswith("written")
    assert said(network, "settings", "pds.blob_quota") == "* pds.blob_quota = 1000000  (1 MB)\n"
    assert said(network, "settings", "pds.blob_quota", "1.5", "GB").startswith("written")
    listed = hearth("settings", data=network.data)
    assert "* pds.blob_quota = 1500000000  (1500 MB)\n" in listed.stdout
    # A trial has its own mode, and is not shown as a network at home would be.
    assert "pds.invites_required = false" in listed.stdout
    assert "one of `hearth try`" in listed.stderr
    wrong = hearth("settings", "pds.blob_quota", "much", data=network.data)
    assert (wrong.returncode, "such as 300 MB" in wrong.stderr) == (1, True)
    assert said(network, "settings", "pds.blob_quota", "0").startswith("written")
    assert "must be" in hearth("settings", "pds.port", "x", data=network.data).stderr


def test_a_support_bundle_tells_what_it_holds(network: Appliance, tmp_path: Path) -> None:
    told = said(network, "support-bundle", str(tmp_path / "it.zip"))
    assert "log.txt" in told
    assert (tmp_path / "it.zip").read_bytes().startswith(b"PK")
    assert "putWard" not in said(network, "moderate", "log", "--by", "panel", "--about", "nobody")
