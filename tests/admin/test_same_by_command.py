"""Whatever the panel does, the operator's API and the command line do as well."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pytest

from appliance.admin.app import ANYBODY, OWNER_ONLY
from appliance.admin.pages.reports import _ACTS
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.commands.parser import parser

ADMIN: Final = "com.atproto.admin"
SERVER: Final = "com.atproto.server"
PDS: Final = "internal.hearth.pds"
RELAY: Final = "internal.hearth.relay"
LABELER: Final = "internal.hearth.labeler"
# What is the panel's own: who may use it, how far its wizard is, keys that no API gives away.
OWN: Final = ""
CATALOG: Final = load_catalog()


class Ways(NamedTuple):
    """The method of the operator, and the command with arguments that will do."""

    method: str
    command: str


SAME: Final[Mapping[str, Ways]] = {
    "/claim": Ways(OWN, "claim"),
    "/sign-in": Ways(OWN, "claim"),
    "/sign-out": Ways(OWN, "claim"),
    "/password": Ways(OWN, "claim"),
    "/setup/name": Ways(f"{PDS}.putSettings", "settings network.name Smiths"),
    "/setup/reach": Ways(f"{PDS}.putSettings", "settings network.mode home"),
    "/setup/reach/seen": Ways(f"{PDS}.beginExamination", "checkup"),
    "/setup/reach/again": Ways("internal.hearth.upkeep.tryAgain", "https again"),
    "/setup/people": Ways(f"{SERVER}.createAccount", "account create ann.test"),
    "/setup/backup": Ways(f"{PDS}.putSettings", "settings backup.target /backups"),
    "/setup/sheet": Ways(OWN, "sheet"),
    "/setup/done": Ways(OWN, "claim"),
    "/people/new": Ways(f"{SERVER}.createAccount", "account create ann.test"),
    "/people/{did}/password": Ways(f"{ADMIN}.updateAccountPassword", "account reset-password ann"),
    "/people/{did}/second-steps": Ways(
        f"{PDS}.removeSecondSteps", "account remove-second-steps ann"
    ),
    "/people/{did}/kept": Ways(f"{PDS}.freeKeptName", "account free-name did:web:ann.test --yes"),
    "/people/{did}/takedown": Ways(f"{ADMIN}.updateSubjectStatus", "account takedown ann"),
    "/people/{did}/restore": Ways(f"{ADMIN}.updateSubjectStatus", "account untakedown ann"),
    "/people/{did}/delete": Ways(f"{ADMIN}.deleteAccount", "account delete ann"),
    "/people/{did}/guardian": Ways(f"{PDS}.putWard", "guardian set ann --by mum"),
    "/people/{did}/guardian/hand-over": Ways(f"{PDS}.releaseWard", "guardian hand-over ann"),
    "/invites": Ways(f"{PDS}.createInvite", "account invite --uses 3 --days 7 --note friends"),
    "/invites/disable": Ways(f"{ADMIN}.disableInviteCodes", "account close-invite abc"),
    "/reports": Ways(f"{PDS}.closeReport", "moderate close 1"),
    "/rules": Ways(f"{PDS}.putHouseTexts", "moderate welcome -"),
    "/feeds": Ways("internal.hearth.feeds.putFeed", "feed add x X everyone"),
    "/feeds/remove": Ways("internal.hearth.feeds.deleteFeed", "feed remove x"),
    "/feeds/usual": Ways(f"{PDS}.putSettings", "settings pds.usual_feeds at://x/y/z"),
    "/labels": Ways(f"{LABELER}.putLabel", "label add ann !warn"),
    "/labels/negate": Ways(f"{LABELER}.negateLabel", "label remove ann !warn"),
    "/labels/define": Ways(f"{LABELER}.putDefinition", "label define x X Why"),
    "/labels/forget": Ways(f"{LABELER}.deleteDefinition", "label forget x"),
    "/settings/{group}": Ways(f"{PDS}.putSettings", "settings pds.blob_quota 1000"),
    "/checkup": Ways(f"{PDS}.beginExamination", "checkup"),
    "/checkup/mend": Ways(f"{PDS}.beginExamination", "checkup --mend"),
    "/checkup/again": Ways("internal.hearth.upkeep.tryAgain", "https again"),
    "/backup": Ways("internal.hearth.backups.askForBackup", "backup now"),
    "/backup/key": Ways(OWN, "backup key"),
    "/updates": Ways("internal.hearth.updates.askForUpdate", "update now"),
    "/updates/hold": Ways("internal.hearth.updates.holdUpdates", "update hold"),
    "/network/look": Ways(f"{RELAY}.checkUpstreams", "relay upstreams --now"),
    "/network/bans": Ways(f"{RELAY}.ban", "relay ban spam.example"),
    "/network/bans/lift": Ways(f"{RELAY}.unban", "relay unban spam.example"),
    "/network/quarantine/again": Ways(f"{RELAY}.releaseQuarantined", "relay release 1"),
    "/network/quarantine/discard": Ways(f"{RELAY}.discardQuarantined", "relay discard 1"),
    "/neighbours/pair": Ways("internal.hearth.neighbours.pair", "neighbours pair x"),
    "/neighbours/confirm": Ways("internal.hearth.neighbours.confirm", "neighbours confirm x 123"),
    "/neighbours/refuse": Ways("internal.hearth.neighbours.refuse", "neighbours refuse x"),
    "/neighbours/unpair": Ways("internal.hearth.neighbours.unpair", "neighbours unpair x"),
    "/publish": Ways(f"{PDS}.putSettings", "publish smiths.example.org"),
    "/hosts/approve": Ways(f"{RELAY}.approveHost", "relay approve pds.example"),
    "/hosts/ban": Ways(f"{RELAY}.ban", "relay ban pds.example"),
    "/hosts/lift": Ways(f"{RELAY}.unban", "relay unban pds.example"),
}
# What the buttons of a report do.
SAME_OF_REPORTS: Final[Mapping[str, Ways]] = {
    "close": Ways(f"{PDS}.closeReport", "moderate close 1 --note fine"),
    "record": Ways(f"{ADMIN}.updateSubjectStatus", "moderate takedown at://x/y/z"),
    "restore": Ways(f"{ADMIN}.updateSubjectStatus", "moderate restore at://x/y/z"),
    "blob": Ways(f"{ADMIN}.updateSubjectStatus", "moderate takedown at://did:plc:x#bafy"),
    "account": Ways(f"{ADMIN}.updateSubjectStatus", "account takedown ann"),
    "label": Ways(f"{LABELER}.putLabel", "label add at://x/y/z !warn"),
    "mute": Ways(f"{PDS}.muteReporter", "moderate mute ann"),
    "unmute": Ways(f"{PDS}.muteReporter", "moderate unmute ann"),
}
EVERY: Final = {**SAME, **{f"/reports {act}": ways for act, ways in SAME_OF_REPORTS.items()}}


def test_each_form_of_the_panel_has_its_method_and_its_command() -> None:
    routes = {path for verb, path in {**ANYBODY, **OWNER_ONLY} if verb == "POST"}
    assert routes == set(SAME)
    assert set(_ACTS) == set(SAME_OF_REPORTS)


@pytest.mark.parametrize("form", EVERY)
def test_the_method_is_a_procedure_and_the_command_can_be_typed(form: str) -> None:
    method, command = EVERY[form]
    if method != OWN:
        assert CATALOG.definition(method)["type"] == "procedure"
    parsed = parser().parse_args(command.split())
    assert parsed.command == command.split()[0]
