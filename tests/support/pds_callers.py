"""Everybody who may call a PDS: every state of signing in, by name, and how each proves itself."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from appliance.atproto.xrpc.service_auth import mint
from appliance.pds.sessions import SessionKind
from tests.support.members_house import ORIGIN, MembersHouse
from tests.support.oauth_client import App
from tests.support.pds_box import Box, Member

Headers: TypeAlias = dict[str, str]
Credentials: TypeAlias = Callable[[str, str], Headers]  # for a verb and a method

# What apps were granted: nothing but the name, the old scopes, everything that can be granted.
SCOPES = {
    "app, by name": "atproto",
    "app, as before": "atproto transition:generic transition:email transition:chat.bsky",
    "app, by all": "atproto repo:* blob:*/* account:email?action=manage account:repo?action=manage"
    " account:status?action=manage identity:* rpc:*?aud=did:web:appview.test%23bsky_appview",
}
SESSIONS: dict[str, SessionKind] = {
    "member": "full",
    "app password": "app_pass",
    "privileged app password": "app_pass_privileged",
}


@dataclass(frozen=True)
class Callers:
    """Everybody who may call, by name."""

    house: MembersHouse
    known: dict[str, Credentials]

    @classmethod
    async def gather(cls, house: MembersHouse) -> "Callers":
        box, alice = house.box, house.alice
        asleep, gone, lost = [await box.sign_up(name) for name in ("asleep", "gone", "lost")]
        browser = await house.at_home()
        apps = [App.local(house, scope) for scope in SCOPES.values()]
        for app in apps:
            await app.come_in(browser)
        drowsy = App.local(house, SCOPES["app, as before"])
        await drowsy.come_in(await house.at_home(asleep))
        old = box.pds.mint.access(alice.did, "full")
        box.clock.advance(3 * 3600)
        for app in (*apps, drowsy):
            assert (await app.refresh()).status == 200
            assert (await app.get_session()).status == 200
        await box.pds.lifecycle.deactivate(asleep.did, None)
        await box.pds.lifecycle.set_takedown(gone.did, "a reason")
        await box.pds.lifecycle.delete(lost.did)
        known = {
            "nobody": lambda _verb, _nsid: {},
            "expired": bearer(old),
            "renewal": bearer(alice.refresh),
            "operator": basic(box.pds.access.token),
            "wrong operator": basic("x"),
            "forged": bearer("eyJhbGciOiJub25lIn0.e30."),
            "malformed": lambda _verb, _nsid: {"Authorization": "Bearer a b"},
            "service": vouched(box, alice, str(box.pds.did)),
            "service for others": vouched(box, alice, "did:web:elsewhere.test"),
            "app without its key": bearer(apps[1].tokens["access_token"]),
            **dict(kinds(box, alice)),
            **{name: bearer(box.pds.mint.access(whose.did, "full"))
               for name, whose in (("deactivated", asleep), ("taken down, before", gone),
                                   ("deleted", lost))},
            "taken down": bearer(box.pds.mint.access(gone.did, "takendown")),
            "deactivated, by app": proven(drowsy),
            **{name: proven(app) for name, app in zip(SCOPES, apps, strict=True)},
        }  # fmt: skip
        return cls(house, known)


def kinds(box: Box, member: Member) -> Iterator[tuple[str, Credentials]]:
    for name, kind in SESSIONS.items():
        yield name, bearer(box.pds.mint.access(member.did, kind))


def bearer(token: str) -> Credentials:
    return lambda _verb, _nsid: {"Authorization": f"Bearer {token}"}


def basic(secret: str) -> Credentials:
    told = b64encode(f"admin:{secret}".encode()).decode()
    return lambda _verb, _nsid: {"Authorization": f"Basic {told}"}


def vouched(box: Box, member: Member, audience: str) -> Credentials:
    key = box.pds.keys.get(member.did)  # kept: the account may be deleted on the way

    def sign(_verb: str, nsid: str) -> Headers:
        token = mint(key, member.did, audience, nsid, box.clock.now())
        return {"Authorization": f"Bearer {token}"}

    return sign


def proven(app: App) -> Credentials:
    def prove(verb: str, nsid: str) -> Headers:
        token = app.tokens["access_token"]
        proof = app.proof(verb, f"{ORIGIN}/xrpc/{nsid}", token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    return prove
