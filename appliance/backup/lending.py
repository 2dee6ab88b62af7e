"""`hearth backup lend | lodgers | put-out`: room here for the copies of other networks."""

import argparse
import os
from collections.abc import Callable
from typing import Final

from appliance.backup.engine import BackupFailed
from appliance.backup.take import Progress
from appliance.settings import load
from appliance.settings_groups import Paths
from appliance.upkeep.lodging.lodgers import Lodgers, UnfitName
from appliance.upkeep.lodging.routes import FOLDER, PATH
from appliance.upkeep.lodging.store import used_in

Say = Callable[[str], None]

_LENT: Final = """\
{name} may keep copies here now. At {name}, set
  backup.target       rest:{url}{path}/{name}/
and put this line, which is shown only once, into the file secrets/backup-rest-login there:
  {name}:{token}"""


def lend(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    settings = load(Paths.of(args.data).data, os.environ)
    if not settings.pds.hostname:
        raise BackupFailed(
            "this network has no address yet, so nobody could bring copies here",
            "one that was set up",
            "begin with the link of: hearth claim",
        )
    try:
        token = Lodgers(settings.paths.data).let_in(args.name, args.gigabytes * 10**9)
    except UnfitName as problem:
        raise BackupFailed(
            f"{args.name!r} is no name for it", "small letters, digits and dashes", "take another"
        ) from problem
    say(_LENT.format(url=settings.pds.url, path=PATH, name=args.name, token=token))


def lodgers(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    data = Paths.of(args.data).data
    for one in Lodgers(data).all():
        used = used_in(data / FOLDER / one.name)
        say(f"{one.name}: {used / 10**9:.1f} of {one.quota / 10**9:.0f} GB")


def put_out(args: argparse.Namespace, say: Say, _progress: Progress) -> None:
    data = Paths.of(args.data).data
    if not Lodgers(data).put_out(args.name):
        raise BackupFailed(
            f"nobody here is called {args.name}", "a lodger", "hearth backup lodgers"
        )
    say(f"{args.name} is let in no more; what they kept is in {data / FOLDER / args.name}")
