"""Is there a newer release, and does the way to it work?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.upkeep.checkup import Finding
from appliance.upkeep.update_journal import ANSWER, DAY, Answer, Known, Wish
from appliance.version import VERSION

# A server that is away for a while is nothing to tell.
UNREAD_DAYS: Final = 3
FAILED: Final = "update-failed"
BEHIND: Final = "version-behind"


def check_updates(
    data: Path, now: float, *, channel: str, automatic: bool, answer: Path = ANSWER
) -> Iterator[Finding]:
    """Look at what is known of new releases; nothing where no channel is set."""
    if not channel:
        return
    known, last = Known.read(data), Answer.read(answer)
    if known.failure and now - known.read_at > UNREAD_DAYS * DAY:
        yield Finding(
            "New releases",
            "warn",
            f"the channel cannot be read: {known.failure}",
            "a channel signed by its publisher",
            "see the setting update.channel, and /etc/hearth/release.pub",
            "channel-unread",
        )
        return
    if not known.version or known.version == VERSION:
        yield Finding("New releases", "good", f"{VERSION} is the newest")
        return
    remedy = "see what it changes under New releases, or run: hearth update now"
    if last.version == known.version and last.state in ("refused", "back"):
        seen = f"{known.version} was not kept: {last.reason}"
        yield Finding("New releases", "warn", seen, "a release that answers", remedy, FAILED)
    elif known.tried == known.version and known.tried_failure:
        seen = f"{known.version} could not be installed: {known.tried_failure}"
        yield Finding("New releases", "warn", seen, "a release that is installed", remedy, FAILED)
    elif not automatic or Wish.read(data).holds(now):
        seen = f"{known.version} waits for you; this is {VERSION}"
        yield Finding("New releases", "warn", seen, "the newest release", remedy, BEHIND)
    else:
        seen = f"{known.version} will be installed by itself; this is {VERSION}"
        yield Finding("New releases", "good", seen)
