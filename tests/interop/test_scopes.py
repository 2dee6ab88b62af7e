"""Scopes beside the published reading of them: what is understood, and what it allows."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from appliance.pds.oauth.permissions import Permissions
from tests.support.node import run_script

pytestmark = pytest.mark.slow

SERVICE = "did:web:api.example.com%23svc"
PLC = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
# What is sound comes first.
VALUES: dict[str, list[str]] = {
    "collection": ["app.example.post", "app.example.like", "*", "app.x", "app.example.*", ""],
    "action": ["create", "update", "delete", "read", "manage", ""],
    "lxm": ["app.example.getFeed", "chat.bsky.convo.getLog", "*", "app", "app.example.*"],
    "aud": [SERVICE, f"{PLC}%23x", "*", "did:web:api.example.com", "did:key:zAbc%23x", "x%23y"],
    "accept": ["image/png", "image/*", "video/mp4", "*/*", "*", "image", "*/png"],
    "attr": ["email", "repo", "handle", "status", "*", "password"],
    "nsid": ["app.example.authFull", "app.example.authLess", "app.example.auth", "app", "*"],
    "until": ["2030"],
}
KINDS = {
    "repo": ("collection", "action"),
    "rpc": ("lxm", "aud"),
    "blob": ("accept",),
    "account": ("attr", "action"),
    "identity": ("attr",),
    "include": ("nsid", "aud"),
    "resource": ("attr",),
}
FIXED = ["transition:generic", "transition:email", "transition:chat.bsky", "transition:other"]
AUD = "did:web:api.example.com#svc"
NEEDS: list[tuple[str, dict[str, str]]] = [
    *(
        ("repo", {"collection": collection, "action": action})
        for collection, action in itertools.product(
            ("app.example.post", "app.example.like"), ("create", "update", "delete")
        )
    ),
    *(
        ("rpc", {"lxm": lxm, "aud": aud})
        for lxm, aud in itertools.product(
            ("app.example.getFeed", "app.example.getOther", "chat.bsky.convo.getLog", "*"),
            (AUD, f"{PLC}#x", "did:web:api.example.com"),
        )
    ),
    *(("blob", {"mime": mime}) for mime in ("image/png", "video/mp4", "text/plain")),
    *(
        ("account", {"attr": attr, "action": action})
        for attr, action in itertools.product(("email", "repo", "status"), ("read", "manage"))
    ),
    ("identity", {"attr": "handle"}),
    ("identity", {"attr": "*"}),
]


def made(dice: random.Random) -> str:
    """Make up a token: of known parts, put together rightly or not."""

    def value(name: str) -> str:
        return dice.choice(VALUES[name][:3] if dice.random() < 0.85 else VALUES[name])

    kind = dice.choice(list(KINDS))
    names = list(KINDS[kind])
    positional = f":{value(names[0])}" if dice.random() < 0.7 else ""
    pool = names[1:] if positional and dice.random() < 0.9 else names
    pairs = []
    for name in pool + (["until"] if dice.random() < 0.05 else []):
        for _ in range(dice.choice((0, 1, 1, 1, 2))):
            pairs.append(f"{name}={value(name)}")
    dice.shuffle(pairs)
    return f"{kind}{positional}" + (f"?{'&'.join(pairs)}" if pairs else "")


def allowed(permissions: Permissions, kind: str, options: dict[str, str]) -> bool:
    match kind:
        case "repo":
            return permissions.allows_repo(options["collection"], options["action"])
        case "rpc":
            return permissions.allows_rpc(options["lxm"], options["aud"])
        case "blob":
            return permissions.allows_blob(options["mime"])
        case "account":
            return permissions.allows_account(options["attr"], options["action"])
        case _:
            return permissions.allows_identity(options["attr"])


def test_we_read_scopes_as_the_published_library_does(tmp_path: Path) -> None:
    dice = random.Random("scopes")  # noqa: S311
    tokens = sorted({*FIXED, *(made(dice) for _ in range(10_000))})
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"tokens": tokens, "needs": NEEDS}), encoding="utf-8")
    answers: list[Any] = run_script("scopes.mjs", str(asked))
    understood, differences = 0, []
    for token, (written, theirs) in zip(tokens, answers, strict=True):
        permissions = Permissions.parse(f"atproto {token}")
        ours = str(permissions).removeprefix("atproto").strip() or None
        allows = [allowed(permissions, kind, options) for kind, options in NEEDS]
        understood += ours is not None
        if (ours, allows) != (written, theirs):
            differences.append((token, ours, written))
    assert understood > 150
    assert differences == []
