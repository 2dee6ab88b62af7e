"""When a look at the channel is due, and when a change of release."""

import json
import time
from pathlib import Path

import pytest

from appliance.settings import defaults
from appliance.settings_groups_upkeep import UpdateSettings
from appliance.updates import schedule
from appliance.updates.installation import Installation
from appliance.updates.schedule import DAY, HOUR, Schedule, due
from appliance.upkeep.update_journal import Known, Wish

NOW = 1_800_000_000.0
AT = time.localtime(NOW).tm_hour
NOW_IS_THE_HOUR = UpdateSettings(hour=AT)
LATER = UpdateSettings(hour=(AT + 5) % 24)
NEW = Known(checked_at=NOW - HOUR, version="9.0.0")
NOTHING = Known(checked_at=NOW - HOUR)


@pytest.mark.parametrize(
    ("known", "wish", "update", "expected"),
    [
        (Known(), Wish(), LATER, "check"),
        (NOTHING, Wish(), NOW_IS_THE_HOUR, ""),
        (Known(checked_at=NOW - DAY - 1), Wish(), LATER, "check"),
        (Known(checked_at=NOW - HOUR - 1, failure="no"), Wish(), LATER, "check"),
        (Known(checked_at=NOW + DAY), Wish(), LATER, "check"),
        (NEW, Wish(), NOW_IS_THE_HOUR, "now"),
        (NEW, Wish(), LATER, ""),
        (NEW, Wish(), UpdateSettings(hour=AT, automatic=False), ""),
        (NEW, Wish(held_until=-1), NOW_IS_THE_HOUR, ""),
        (NEW, Wish(held_until=NOW + 1), NOW_IS_THE_HOUR, ""),
        (NEW, Wish(held_until=NOW - 1), NOW_IS_THE_HOUR, "now"),
        (NEW, Wish(asked="install", held_until=-1), LATER, "now"),
        (NOTHING, Wish(asked="check"), LATER, "check"),
        (Known(checked_at=NOW, version="8.0.0"), Wish(), NOW_IS_THE_HOUR, ""),
        (Known(checked_at=NOW, version="0.0.1"), Wish(), NOW_IS_THE_HOUR, ""),
        (
            Known(checked_at=NOW, version="9.0.0", tried="9.0.0", tried_at=NOW - 60),
            Wish(),
            NOW_IS_THE_HOUR,
            "",
        ),
    ],
    ids=[
        "never looked",
        "nothing new",
        "looked yesterday",
        "failed an hour ago",
        "looked in the future, by a wrong clock",
        "new, in its hour",
        "new, at another time",
        "new, and the owner decides",
        "held",
        "held a while",
        "held until a moment ago",
        "asked for in spite of it",
        "a look asked for",
        "come back from it",
        "no longer new",
        "tried just now",
    ],
)
def test_what_is_due(known: Known, wish: Wish, update: UpdateSettings, expected: str) -> None:
    assert due(known, wish, update, frozenset(("8.0.0",)), NOW) == expected


async def test_what_was_asked_for_is_done_once_and_what_was_not_kept_never_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []

    async def note(what: str, action: str, _data: Path, *options: str) -> bool:
        done.append((what, action, *options))
        return True

    monkeypatch.setattr(schedule, "run_command", note)
    root = tmp_path / "opt"
    (root / "updates").mkdir(parents=True)
    chosen = {"update.channel": "/srv", "update.hour": AT}
    worker = Schedule(
        defaults("home", tmp_path).with_values(chosen),
        Installation(root, tmp_path / "release.pub"),
        lambda: NOW,
    )
    Wish().note(tmp_path, asked="check")
    await worker.look()
    assert done == [("update", "check")]
    NEW.note(tmp_path)
    await worker.look()
    assert done.pop() == ("update", "now", "--no-wait")
    answer = {"version": "9.0.0", "state": "refused", "reason": "", "at": NOW}
    (root / "updates/answer.json").write_text(json.dumps(answer))
    await worker.look()
    (root / "updates/answer.json").unlink()
    (root / "result").write_text("back from 9.0.0-0a1b2c3d-py311\n")
    await worker.look()
    assert done == [("update", "check")]
    Wish().note(tmp_path, asked="install")
    await worker.look()
    assert done.pop() == ("update", "now", "--no-wait")
    assert Wish.read(tmp_path).asked == ""
