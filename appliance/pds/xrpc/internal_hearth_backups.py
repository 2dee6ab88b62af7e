"""internal.hearth.backups.*: what is known of the backups, and to have one taken or proven."""

from datetime import UTC, datetime

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.upkeep import backup_journal
from appliance.upkeep.backup_journal import ACTIONS, Course, Journal
from appliance.upkeep.backup_ssh import SFTP, SshFiles
from appliance.upkeep.backup_times import next_at

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.backups.getState", auth=operator)
async def get_state(pds: Pds, caller: Caller) -> Json:
    """Tell when the last was taken and proven, how far one under way is, what opens SFTP.

    `nextAt`: when the next is due; what is past means soon.
    """
    data, backup = pds.settings.paths.data, pds.settings.backup
    known, course = Journal.read(data), Course.read(data)
    told: dict[str, Json] = {
        "target": backup.target,
        "hour": backup.hour,
        "bytes": known.bytes,
        "added": known.added,
        "asked": backup_journal.asked(data) or "",
    }
    for name, seconds in (
        ("takenAt", known.taken_at),
        ("triedAt", known.tried_at),
        ("provenAt", known.proven_at),
        ("nextAt", _next_at(pds, known) if backup.target else 0.0),
    ):
        if seconds:
            told[name] = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, words in (
        ("failure", known.failure),
        ("proven", known.proven),
        ("proofFailure", known.proof_failure),
    ):
        if words:
            told[name] = words
    if backup.target.startswith(SFTP):
        told["sshKey"] = SshFiles.of(pds.settings.paths).public_line()
    if course is not None:
        told["course"] = {
            "action": course.action,
            "what": course.what,
            "percent": round(100 * course.share),
        }
    return told


def _next_at(pds: Pds, known: Journal) -> float:
    now = pds.clock.now()
    cut = known.is_cut_off(pds.settings.paths.data)
    return max(next_at(known, pds.settings.backup.hour, now, cut=cut), now)


@methods.procedure("internal.hearth.backups.askForBackup", auth=operator)
async def ask_for_backup(pds: Pds, caller: Caller, *, what: str) -> None:
    """Have a backup taken ("now") or the newest one proven; it begins within seconds."""
    if not pds.settings.backup.target:
        raise InvalidRequest("No place for backups is set", "NoPlace")
    backup_journal.ask(pds.settings.paths.data, ACTIONS[what])
