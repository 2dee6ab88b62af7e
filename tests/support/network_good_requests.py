"""For each method of the roles beside the PDS a request that gets through."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Answer, Member, Operator, join, now, soon

Fields: TypeAlias = Mapping[str, Any]

NOBODY: Final = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
ACCOUNT: Final = "/xrpc/internal.hearth.relay.getAccount"
PROFILE: Final = "/xrpc/app.bsky.actor.getProfile"
PACK: Final = "/xrpc/app.bsky.graph.getStarterPack"
LATER: Final = {"posts": [{"text": "later"}]}
FOXES: Final = {"name": "foxes", "title": "Foxes", "kind": "everyone"}
_LABEL: Final = {"val": "spam"}
_DEFINITION: Final = {
    "identifier": "foxy",
    "severity": "inform",
    "blurs": "none",
    "locales": [{"lang": "en", "name": "Foxy", "description": "About foxes"}],
}


async def known(ann: Member, bob: Member) -> dict[str, list[str]]:
    """Collect names of things that are there, and of some that are not; the former come first."""
    post = await ann.write_post("the first fox")
    people = await ann.create(
        "app.bsky.graph.list", name="L", purpose="app.bsky.graph.defs#curatelist"
    )
    pack = await ann.create("app.bsky.graph.starterpack", name="P", list=people.uri)
    feed = await ann.create("app.bsky.feed.generator", did="did:web:f.test", displayName="F")
    await bob.like(post)
    blob = await ann.upload(b"hello", "text/plain")
    dids, handles = [ann.did, bob.did, NOBODY], [ann.handle, bob.handle, "nobody.test"]
    places = [post.uri, people.uri, pack.uri, feed.uri]
    return {
        "did": dids,
        "handle": handles,
        "at-identifier": [*dids, *handles],
        "at-uri": [*places, f"at://{NOBODY}/app.bsky.feed.post/3kaaaaaaaaa2a"],
        "nsid": ["app.bsky.feed.post", "test.hearth.note", "com.atproto.server.createSession"],
        "cid": [
            post.cid,
            blob["ref"]["$link"],
            "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
        ],
        "datetime": [now(), "1985-04-12T23:20:50.123Z", "2030-01-01T00:00:00Z"],
        "tid": [post.rkey, "3kaaaaaaaaa2a"],
        "record-key": [post.rkey, "self", "3kaaaaaaaaa2a"],
        "uri": ["https://example.com/a", "http://127.0.0.1:1/"],
        "language": ["en", "pt-BR"],
        "text": ["fox", "a word or two", "", "ünïcode 🦊", PASSWORD, "60", ann.handle],
    }


async def fixed(
    network: Appliance, operator: Operator, member: Member, known: Mapping[str, list[str]]
) -> dict[str, Fields]:
    """Say what fields have to be, where the first of what is known would not do."""
    post, people, pack, _, _ = known["at-uri"]
    other = await join(member.http, network.pds, "other")
    relay = Operator(member.http, network.relay, network.operator_token)
    hosts = await soon(lambda: relay.get("internal.hearth.relay.listHosts"), has_hosts)
    host = {"hostname": hosts["hosts"][0]["hostname"]}
    appview = Operator(member.http, network.appview, network.operator_token)
    put = await appview.post("internal.hearth.feeds.putFeed", feed=FOXES)
    feed = {"feed": put["uri"]}
    await soon(lambda: relay.raw("GET", f"{ACCOUNT}?did={other.did}"), is_good)
    await soon(lambda: member.raw("GET", f"{PROFILE}?actor={other.did}"), is_good)
    await soon(lambda: member.raw("GET", f"{PACK}?starterPack={pack}"), is_good)
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": other.did}
    draft = (await member.post("app.bsky.draft.createDraft", draft=LATER))["id"]
    labelled = {"uri": other.did, **_LABEL}
    return {
        "app.bsky.draft.updateDraft": {"draft": {"id": draft, "draft": LATER}},
        "app.bsky.embed.getEmbedExternalView": {"url": "https://example.com/a", "uris": [post]},
        "app.bsky.feed.getActorLikes": {"actor": member.did},
        "app.bsky.feed.getFeed": feed,
        "app.bsky.feed.getFeedGenerator": feed,
        "app.bsky.feed.getFeedSkeleton": feed,
        "app.bsky.feed.getListFeed": {"list": people},
        "app.bsky.graph.getList": {"list": people},
        "app.bsky.graph.getStarterPack": {"starterPack": pack},
        "app.bsky.graph.muteActor": {"actor": other.did},
        "app.bsky.graph.muteActorList": {"list": people},
        "app.bsky.graph.unmuteActorList": {"list": people},
        "app.bsky.notification.putActivitySubscription": {
            "subject": other.did,
            "activitySubscription": {"post": True, "reply": False},
        },
        "com.atproto.moderation.createReport": {
            "reasonType": "com.atproto.moderation.defs#reasonSpam",
            "subject": subject,
        },
        "com.atproto.sync.getHostStatus": host,
        "com.atproto.sync.requestCrawl": host,
        "internal.hearth.appview.getSubjectStatus": {"did": other.did},
        "internal.hearth.appview.getPrivateState": {"did": other.did, "kind": "mutes"},
        "internal.hearth.appview.putPrivateState": {"did": other.did, "kind": "mutes", "rows": []},
        "internal.hearth.appview.updateSubjectStatus": {"subject": subject},
        "internal.hearth.feeds.putFeed": {"feed": FOXES},
        "internal.hearth.feeds.deleteFeed": {"name": "foxes"},
        "internal.hearth.labeler.deleteDefinition": {"identifier": "foxy"},
        "internal.hearth.labeler.putDefinition": {"definition": _DEFINITION},
        "internal.hearth.labeler.putLabel": labelled,
        "internal.hearth.labeler.negateLabel": labelled,
        "internal.hearth.relay.approveHost": host,
        "internal.hearth.relay.ban": {"name": NOBODY, "reason": "a fox"},
        "internal.hearth.relay.unban": {"name": NOBODY},
        "internal.hearth.relay.compareHost": host,
        "internal.hearth.relay.setHostLimit": {**host, "accounts": 1_000},
        "internal.hearth.relay.setNeighbours": {"urls": []},
        "internal.hearth.relay.takeDownAccount": {"did": other.did, "applied": False},
    }


def is_good(answer: Answer) -> bool:
    return answer.status == 200


def has_hosts(answer: Any) -> bool:
    return bool(answer["hosts"])


def taking(nsid: str) -> bool:
    """Tell whether a method takes away what others have made."""
    return nsid.rpartition(".")[2].startswith(("delete", "negate", "un"))
