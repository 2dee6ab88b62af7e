"""Where copies of everything go: the question, and what is seen of the answer."""

import os
import shutil
from pathlib import Path
from typing import Final

from aiohttp import web

from appliance.admin.pages.setup import step
from appliance.admin.visit import Visit
from appliance.settings import InvalidSettings
from appliance.upkeep.checkup import Finding
from appliance.upkeep.usb_disks import plugged_in

GIGABYTE: Final = 1_000_000_000


async def show(visit: Visit) -> web.Response:
    target = visit.panel.desk.stored.backup.target
    return _page(visit, target, saved=visit.query("done") == "saved")


async def save(visit: Visit) -> web.Response:
    """Write where copies go, or that there are none; it holds at once."""
    target = visit.text("target")
    problem = _problem(target, visit.settings.paths.data)
    if problem:
        return _page(visit, target, error=visit.words(f"backup_step.{problem}"))
    try:
        changed = await visit.panel.desk.change({"backup.target": target})
    except InvalidSettings:
        return _page(visit, target, error=visit.words("backup_step.unfit"))
    if changed:
        await visit.panel.acts.note("panel.changeSettings", {"backup.target": target})
    if not target:
        return visit.go_anew("/setup/sheet") if changed else visit.go("/setup/sheet")
    following = "/setup/backup?done=saved"
    return visit.go_anew(following) if changed else visit.go(following)


def _problem(target: str, data: Path) -> str:
    """Say what is wrong with a folder; nothing for a place elsewhere, which only a copy proves."""
    if not target.startswith("/"):
        return ""
    folder = Path(target)
    if not folder.is_dir():
        return "no_folder"
    if folder.resolve().is_relative_to(data.resolve()):
        return "inside"
    return "" if os.access(folder, os.W_OK) else "no_writing"


def _seen(visit: Visit, target: str) -> Finding | None:
    """What there is to say of a folder that is set."""
    if not target.startswith("/") or not Path(target).is_dir():
        return None
    same = Path(target).stat().st_dev == visit.settings.paths.data.stat().st_dev
    kind, level = ("same_disk", "warn") if same else ("other_disk", "good")
    free = shutil.disk_usage(target).free // GIGABYTE

    def words(part: str) -> str:
        name = f"backup_step.{kind}_{part}"
        return visit.words(name, free=free) if visit.panel.strings.has(name) else ""

    seen, expected, remedy = words("seen"), words("expected"), words("remedy")
    return Finding(words("title"), "warn" if level == "warn" else "good", seen, expected, remedy)


def _page(visit: Visit, target: str, *, error: str = "", saved: bool = False) -> web.Response:
    stored = visit.panel.desk.stored.backup.target
    return step(
        visit,
        "backup",
        target=target,
        error=error,
        finding=None if error else _seen(visit, stored),
        saved=saved and bool(stored),
        disks=[f"usb:{name}" for name in plugged_in() if f"usb:{name}" != stored],
    )
