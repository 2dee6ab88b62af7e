"""A request as data, and what else a scene may do between requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tests.interop.sides import Side

NOTHING: Final = object()
PASSWORD: Final = "correct horse battery"


@dataclass(frozen=True)
class Ask:
    """One request. In every text `<ann.did>` stands for what was kept under that name.

    `line` is the number of the behaviour; `who` is a name (its access token is sent), the name of
    a kept token as "ann.refresh", "operator", or nobody. `keep` names parts of the answer, by path.
    `look` names headers to compare beside the usual ones.
    """

    line: int
    what: str
    path: str
    verb: str = "GET"
    who: str = ""
    params: Sequence[tuple[str, str]] = ()
    send: Any = NOTHING
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    look: Sequence[str] = ()
    chunked: bool = False


@dataclass(frozen=True)
class Do:
    """Something else, done at each side: it may keep what later requests need.

    What it returns is compared, unless it is None.
    """

    line: int
    what: str
    run: Callable[[Side], Awaitable[Any]]


Step: TypeAlias = Ask | Do


@dataclass(frozen=True)
class Scene:
    """Requests in an order, with accounts of their own.

    `invites` asks for servers that want invite codes; `alone`, for nobody else being at work.
    """

    name: str
    steps: Sequence[Step]
    invites: bool = False
    alone: bool = False


def get(line: int, what: str, nsid: str, who: str = "", **more: Any) -> Ask:
    """A query; parameters by keyword, except `headers`, `keep` and `look`."""
    taken = {name: more.pop(name) for name in ("headers", "keep", "look", "verb") if name in more}
    pairs: list[tuple[str, str]] = []
    for name, value in more.items():
        pairs += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
    return Ask(line, what, nsid, who=who, params=pairs, **taken)


def post(line: int, what: str, nsid: str, who: str = "", **more: Any) -> Ask:
    """A procedure; fields of its JSON by keyword, except `headers`, `keep` and `look`."""
    taken = {name: more.pop(name) for name in ("headers", "keep", "look", "params") if name in more}
    return Ask(line, what, nsid, "POST", who, send=more, **taken)


def call(line: int, what: str, nsid: str, who: str = "", **more: Any) -> Ask:
    """A procedure without input."""
    return Ask(line, what, nsid, "POST", who, **more)


def upload(line: int, what: str, who: str, body: bytes, kind: str, **more: Any) -> Ask:
    """An upload of a blob."""
    headers = {"Content-Type": kind, **more.pop("headers", {})}
    nsid = "com.atproto.repo.uploadBlob"
    return Ask(line, what, nsid, "POST", who, body=body, headers=headers, **more)


def opened(name: str, **more: Any) -> Ask:
    """Open an account: its DID, handle and tokens are kept as `<name.did>` and so on."""
    keep = {
        f"{name}.did": "did",
        f"{name}.handle": "handle",
        f"{name}.access": "accessJwt",
        f"{name}.refresh": "refreshJwt",
    }
    fields = {
        "handle": f"{name}.test",
        "email": f"{name}@mail.test",
        "password": PASSWORD,
        **more,
    }
    nsid = "com.atproto.server.createAccount"
    return post(13, f"open an account for {name}", nsid, keep=keep, **fields)


def signed_in(name: str, who: str | None = None, line: int = 12, **more: Any) -> Ask:
    """Sign in; the tokens are kept as those of `who`."""
    kept = who or name
    fields = {"identifier": f"<{name}.did>", "password": PASSWORD, **more}
    keep = {f"{kept}.access": "accessJwt", f"{kept}.refresh": "refreshJwt", f"{kept}.did": "did"}
    what = f"sign {kept} in"
    return post(line, what, "com.atproto.server.createSession", keep=keep, **fields)


def post_record(text: str, **more: Any) -> dict[str, Any]:
    """A post that is the same at both sides."""
    return {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-01-02T03:04:05.678Z",
        **more,
    }


def letter(line: int, name: str, kept: str, address: str = "") -> Do:
    """Wait for a code by mail and keep it."""

    async def read(side: Side) -> None:
        side.known[kept] = await side.mailed_code(address or f"{name}@mail.test")

    return Do(line, f"the letter with {kept}", read)
