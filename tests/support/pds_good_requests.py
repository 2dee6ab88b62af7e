"""For each method of the PDS a request that gets through, by who is meant to use it."""

from collections.abc import Awaitable, Callable
from itertools import count
from random import Random
from typing import Any, TypeAlias

from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.pds.doctor.mirror import PATH as MIRROR
from tests.support.lexicon_values import Request, Requests
from tests.support.members_house import MembersHouse
from tests.support.pds_box import APPVIEW_DID, PASSWORD, Answer, Member

Fields: TypeAlias = dict[str, Any]
Maker: TypeAlias = Callable[[], Awaitable[Fields]]

NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
NOTE = "test.hearth.note"
POST = "app.bsky.feed.post"
WORDS = ("a fox", "", "ünïcode 🦊", PASSWORD, "alice.test", "AAAAA-AAAAA", "60", "mail.test")


async def meaningful(house: MembersHouse) -> dict[str, list[str]]:
    """Collect texts of each format that mean something here, and some that do not."""
    box, alice = house.box, house.alice
    bob = await box.sign_up("bob")
    record = {"text": "a fox", "createdAt": "2026-11-20T10:00:00.000Z"}
    given = {"repo": alice.did, "collection": POST, "record": record}
    access = box.pds.mint.access(alice.did, "full")
    made = (await box.post("com.atproto.repo.createRecord", access, **given)).json
    blob = await box.ask(
        "POST",
        "/xrpc/com.atproto.repo.uploadBlob",
        token=access,
        data=b"a fox",
        headers={"Content-Type": "text/plain"},
    )
    kept = {"$type": NOTE, "file": blob.json["blob"]}
    given = {"repo": alice.did, "collection": NOTE, "record": kept}
    assert (await box.post("com.atproto.repo.createRecord", access, **given)).status == 200
    dids, handles = [alice.did, bob.did, NOBODY], ["alice.test", "bob.test", "nobody.test"]
    return {
        "did": [*dids],
        "handle": handles,
        "at-identifier": [*dids, *handles],
        "at-uri": [made["uri"], f"at://{NOBODY}/{POST}/3kaaaaaaaaa2a", f"at://{bob.did}"],
        "nsid": [POST, NOTE, "com.atproto.server.createSession"],
        "cid": [made["cid"], str(Cid.for_blob(b"x")), str(Cid.for_block(b""))],
        "datetime": ["2026-11-20T10:00:00.000Z", "1985-04-12T23:20:50.123Z"],
        "tid": [made["commit"]["rev"], "3kaaaaaaaaa2a"],
        "record-key": [made["uri"].rpartition("/")[2], "self", "3kaaaaaaaaa2a"],
        "uri": ["https://nobody.test/a", "http://127.0.0.1:1/"],
        "language": ["en"],
        "text": [*WORDS],
        "blob": [blob.json["blob"]["ref"]["$link"]],
    }


class GoodRequests:
    """Makes them anew each time: codes come by mail and are used up, names are given out once."""

    def __init__(self, house: MembersHouse, known: dict[str, list[str]]) -> None:
        self.house, self.box, self.alice = house, house.box, house.alice
        self._known = known
        self._requests = Requests(load_catalog(), Random(20261121), known)  # noqa: S311
        self._serial = count()
        did = self.alice.did
        note = {"text": "a fox", "createdAt": "2026-11-20T10:00:00.000Z"}
        record = {"repo": did, "collection": POST, "record": note}
        create = {"$type": "com.atproto.repo.applyWrites#create", "collection": POST, "value": note}
        of_alice = {"did": did}
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": known["did"][1]}
        self.fixed: dict[str, Fields] = {
            "com.atproto.admin.disableAccountInvites": {"account": did},
            "com.atproto.admin.enableAccountInvites": {"account": did},
            "com.atproto.admin.getSubjectStatus": of_alice,
            "com.atproto.admin.sendEmail": {"recipientDid": did, "senderDid": did, "content": "x"},
            "com.atproto.admin.updateSubjectStatus": {
                "subject": subject,
                "takedown": {"applied": False},
            },
            "com.atproto.identity.resolveHandle": {"handle": "bob.test"},
            "com.atproto.identity.resolveIdentity": {"identifier": did},
            "com.atproto.moderation.createReport": {
                "reasonType": "com.atproto.moderation.defs#reasonSpam",
                "subject": subject,
            },
            "com.atproto.repo.applyWrites": {"repo": did, "writes": [create]},
            "com.atproto.repo.createRecord": record,
            "com.atproto.repo.deleteRecord": {"repo": did, "collection": POST, "rkey": "self"},
            "com.atproto.repo.putRecord": {**record, "rkey": "3kaaaaaaaaa2a"},
            "com.atproto.repo.uploadBlob": {"body": b"hello", "type": "text/plain"},
            "com.atproto.server.createSession": {
                "identifier": did,
                "password": PASSWORD,
            },
            "com.atproto.server.getServiceAuth": {
                "aud": APPVIEW_DID,
                "lxm": "app.bsky.actor.getProfile",
            },
            "com.atproto.server.requestPasswordReset": {"email": self.alice.email},
            "com.atproto.sync.getBlob": {"did": did, "cid": known["blob"][0]},
            "com.atproto.server.createInviteCode": {"useCount": 1},
            "com.atproto.server.createInviteCodes": {"codeCount": 1, "useCount": 1},
            "internal.hearth.backups.askForBackup": {"what": "now"},
            "internal.hearth.pds.lookAt": {"url": f"http://127.0.0.1:1{MIRROR}{'0' * 32}"},
            "internal.hearth.pds.openNetworkAccount": {"services": [], "keys": []},
            "internal.hearth.pds.putWard": {"did": known["did"][1], "guardian": did},
            "internal.hearth.pds.getWard": {"did": known["did"][1]},
            "internal.hearth.pds.setAppView": {**of_alice, "appView": "server"},
            "internal.hearth.pds.putSettings": {"values": {"network.name": "Foxes"}},
            "internal.hearth.pds.vouch": {
                **of_alice,
                "aud": APPVIEW_DID,
                "lxm": "app.bsky.actor.getProfile",
            },
        }
        self._makers: dict[str, Maker] = {
            "com.atproto.admin.deleteAccount": self._somebody,
            "com.atproto.admin.updateAccountEmail": self._address,
            "com.atproto.admin.updateAccountPassword": self._password,
            "com.atproto.admin.updateAccountSigningKey": self._key,
            "com.atproto.identity.signPlcOperation": self._signed,
            "com.atproto.identity.submitPlcOperation": self._operation,
            "com.atproto.identity.updateHandle": self._name,
            "com.atproto.repo.importRepo": self._archive,
            "com.atproto.server.confirmEmail": self._confirmation,
            "com.atproto.server.createAccount": self._newcomer,
            "com.atproto.server.deleteAccount": self._leaving,
            "com.atproto.server.resetPassword": self._reset,
            "com.atproto.server.updateEmail": self._new_address,
            "com.atproto.sync.getBlocks": self._commit,
            "internal.hearth.pds.closeReport": self._report,
            "internal.hearth.pds.freeKeptName": self._kept_name,
            "internal.hearth.pds.getHouseKey": self._house_key,
            "internal.hearth.pds.getNetworkAccount": self._network_account,
            "internal.hearth.pds.putNetworkRecord": self._network_record,
            "internal.hearth.pds.pointWebIdentity": self._elsewhere,
            "internal.hearth.pds.openWebAccount": self._newcomer,
            "internal.hearth.pds.receiveAccount": self._arrival,
            "internal.hearth.pds.suspendAccount": self._suspended,
        }

    async def make(self, nsid: str) -> Request:
        """Make the request for a method; it names who calls, where that is one who is new."""
        fields = self.fixed.get(nsid, {})
        if nsid in self._makers:
            fields = await self._makers[nsid]()
        caller = fields.pop("caller", None)
        verb, path, body, headers = self._requests.plain(nsid, fields)
        if caller is not None:
            headers["Authorization"] = f"Bearer {caller}"
        return verb, path, body, headers

    async def restore(self) -> None:
        """Undo what the last request did to who asks next."""
        if not self.box.pds.accounts.require(self.alice.did).is_active:
            await self.box.pds.lifecycle.activate(self.alice.did)

    async def renewal(self) -> str:
        """Give a refresh token that was never used."""
        return str((await self.box.log_in(self.alice.did)).json["refreshJwt"])

    async def _newcomer(self) -> Fields:
        name = f"newcomer{next(self._serial)}"
        email = f"{name}@example.com"
        return {"handle": f"{name}.test", "email": email, "password": PASSWORD}

    async def _sign_up(self) -> Member:
        return await self.box.sign_up(f"somebody{next(self._serial)}")

    async def _somebody(self) -> Fields:
        return {"did": (await self._sign_up()).did}

    async def _suspended(self) -> Fields:
        return {**await self._somebody(), "days": 1}

    async def _address(self) -> Fields:
        member = await self._sign_up()
        return {"account": member.did, "email": f"other-{member.email}"}

    async def _password(self) -> Fields:
        return {**await self._somebody(), "password": PASSWORD}

    async def _key(self) -> Fields:
        path = "/xrpc/com.atproto.server.reserveSigningKey"
        reserved = await self.box.ask("POST", path, json={})
        return {**await self._somebody(), "signingKey": reserved.json["signingKey"]}

    async def _name(self) -> Fields:
        return {"handle": f"alice{next(self._serial)}.test"}

    async def _done(self, nsid: str, token: str | None = None, /, **given: Any) -> Answer:
        answer = await self.box.post(nsid, token, **given)
        assert answer.status == 200, answer
        return answer

    async def _signed(self) -> Fields:
        await self._done("com.atproto.identity.requestPlcOperationSignature", self._access())
        return {"token": await self.box.mailed_code()}

    async def _operation(self) -> Fields:
        nsid = "com.atproto.identity.signPlcOperation"
        signed = await self._done(nsid, self._access(), **await self._signed())
        return {"operation": signed.json["operation"]}

    def _access(self) -> str:
        return self.box.pds.mint.access(self.alice.did, "full")

    async def _archive(self) -> Fields:
        taken = await self.box.get("com.atproto.sync.getRepo", did=self.alice.did)
        await self.box.pds.lifecycle.deactivate(self.alice.did, None)
        return {"body": taken.body}

    async def _confirmation(self) -> Fields:
        await self._done("com.atproto.server.requestEmailConfirmation", self._access())
        email = self.box.pds.accounts.require(self.alice.did).email
        return {"email": email, "token": await self.box.mailed_code()}

    async def _leaving(self) -> Fields:
        member = await self._sign_up()
        await self._done("com.atproto.server.requestAccountDelete", member.access)
        token = await self.box.mailed_code()
        return {"did": member.did, "password": PASSWORD, "token": token}

    async def _reset(self) -> Fields:
        member = await self._sign_up()
        await self._done("com.atproto.server.requestPasswordReset", email=member.email)
        return {"token": await self.box.mailed_code(), "password": PASSWORD}

    async def _new_address(self) -> Fields:
        asked = await self._done("com.atproto.server.requestEmailUpdate", self._access())
        token = {"token": await self.box.mailed_code()} if asked.json["tokenRequired"] else {}
        return {"email": f"alice{next(self._serial)}@example.com", **token}

    async def _report(self) -> Fields:
        nsid = "com.atproto.moderation.createReport"
        made = await self._done(nsid, self._access(), **self.fixed[nsid])
        return {"id": made.json["id"]}

    async def _arrival(self) -> Fields:
        return {**await self._newcomer(), "did": NOBODY}

    async def _commit(self) -> Fields:
        newest = await self.box.get("com.atproto.sync.getLatestCommit", did=self.alice.did)
        return {"did": self.alice.did, "cids": [newest.json["cid"]]}

    async def _house_key(self) -> Fields:
        path = self.box.pds.settings.paths.house_key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ab" * 32)
        return {}

    async def _network_account(self) -> Fields:
        nsid = "internal.hearth.pds.openNetworkAccount"
        answer = await self.box.operate("POST", nsid, services=[], keys=[])
        assert answer.status == 200, answer
        return {}

    async def _network_record(self) -> Fields:
        await self._network_account()
        note = {"text": "a fox", "createdAt": "2026-11-20T10:00:00.000Z"}
        return {"collection": POST, "rkey": "3kaaaaaaaaa2a", "record": note}

    async def _by_name(self) -> tuple[str, str]:
        """Open an account whose identity is a name of ours; give its DID, and its session."""
        given = await self._newcomer()
        made = await self.box.operate("POST", "internal.hearth.pds.openWebAccount", **given)
        session = await self.box.log_in(given["handle"])
        return made.json["did"], session.json["accessJwt"]

    async def _elsewhere(self) -> Fields:
        _, access = await self._by_name()
        return {**await self._pointing(access), "caller": access}

    async def _pointing(self, access: str) -> Fields:
        await self._done("com.atproto.identity.requestPlcOperationSignature", access)
        key = PrivateKey.generate("p256").public.did_key
        token = await self.box.mailed_code()
        return {"token": token, "endpoint": "https://there.example.com", "signingKey": key}

    async def _kept_name(self) -> Fields:
        did, access = await self._by_name()
        nsid = "internal.hearth.pds.pointWebIdentity"
        await self._done(nsid, access, **await self._pointing(access))
        await self.box.operate("POST", "com.atproto.admin.deleteAccount", did=did)
        return {"did": did}
