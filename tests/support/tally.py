"""What the fuzzers were answered: by method, by who asked, by status and name of the error.

And who is meant to use each method, as it is declared: one of these states has to get through.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final, TypeAlias

from appliance.atproto.xrpc.methods import Auth, Method, MethodTable
from appliance.pds.xrpc.auth import Members

# Method, caller, answer: how often.
Answers: TypeAlias = dict[str, dict[str, Counter[str]]]

ROLES: Final = ("pds", "relay", "labeler", "appview", "directory", "neighbours")
APPS: Final = ("app, by all", "app, as before", "app, by name")
# By the name of the function that lets callers in; None: whoever comes.
MEANT: Final[Mapping[str, Sequence[str]]] = {
    "None": ("nobody",),
    "anyone": ("nobody", "member"),
    "everyone": ("nobody", "member"),
    "reader": ("nobody", "member", "operator"),
    "signed_in": ("member",),
    "operator": ("operator",),
    "optional_service": ("nobody",),
    "refresh": ("renewal",),
    "refresh_even_expired": ("renewal",),
    "service_or_member": ("member", "app password", "app", "service"),
    "stranger_or_member": ("member", "app password", "app"),
    "feed_reader": ("nobody", "member"),
    "skeleton_reader": ("nobody",),
}
# What needs something that is not there when everything is asked, and where it is shown instead:
# a file, and what it says if that is not the name of the method.
ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("com.atproto.lexicon.resolveLexicon", "nobody"): "tests/pds/test_com_atproto_lexicon.py",
    ("com.atproto.moderation.createReport", "nobody"): "tests/labeler/test_labels.py",
    ("internal.hearth.appview.fetchNewest", "operator"): "tests/journeys/test_week_apart.py",
    ("internal.hearth.pds.pointWebIdentity", "app"): "tests/pds/oauth/test_enforcement.py",
    ("internal.hearth.relay.discardQuarantined", "operator"): (
        "tests/admin/pages/test_network.py: quarantine/discard"
    ),
    ("internal.hearth.relay.getQuarantined", "operator"): "tests/relay/test_repair.py",
    ("internal.hearth.relay.releaseQuarantined", "operator"): "tests/relay/test_repair.py",
}


class Tally:
    """Counts answers; an answer that got through is named by its status alone."""

    def __init__(self) -> None:
        self.answers: Answers = defaultdict(lambda: defaultdict(Counter))

    def note(self, nsid: str, caller: str, status: int, told: object) -> None:
        """Count one answer: `told` is its JSON, if it has any."""
        name = told.get("error", "") if status >= 400 and isinstance(told, Mapping) else ""
        self.answers[nsid][caller][f"{status} {name}".strip()] += 1

    def keep(self, folder: Path | None, name: str) -> None:
        """Write it down, where somebody asked for it (--tally)."""
        if folder is not None:
            text = json.dumps(self.answers, indent=1, sort_keys=True)
            (folder / f"{name}.json").write_text(text + "\n")


def declared() -> dict[str, dict[str, Method]]:
    """Give all methods that roles declare, but streams, with the roles that do."""
    found: dict[str, dict[str, Method]] = defaultdict(dict)
    for role in ROLES:
        package = import_module(f"appliance.{role}.xrpc")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            table = getattr(import_module(module.name), "methods", None)
            for method in table.methods.values() if isinstance(table, MethodTable) else ():
                if method.kind != "subscription":
                    found[method.nsid][role] = method
    return found


def meant_for(auth: Auth | None) -> tuple[str, ...]:
    """Name the states of signing in that a method is declared for."""
    if not isinstance(auth, Members):
        return tuple(MEANT[getattr(auth, "__name__", "None")])
    states = ["member"] if "full" in auth.kinds else []
    states += ["app password"] * ("app_pass" in auth.kinds)
    return (*states, *(["app"] * (auth.need is not None)))
