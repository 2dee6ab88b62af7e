"""Whoever publishes lexicons: an account, its repo, and the records of the DNS."""

from typing import Any

from appliance.atproto.car import write_car
from appliance.atproto.cbor import encode
from appliance.atproto.cid import Cid
from appliance.atproto.data import record_from_json
from appliance.atproto.identity.lexicon_resolver import COLLECTION, LexiconResolver
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.repo.repo import Action, RecordWrite
from appliance.pds.lexicons import Lexicons
from tests.support.clock import FakeClock
from tests.support.fake_http import FakeHttp
from tests.support.repo_author import RepoAuthor

PLC = "https://plc.example"
PDS = "https://pds.example.com"


class Press:
    """Publishes lexicons; `dns` holds TXT records by name, and None where no answer comes."""

    def __init__(self) -> None:
        self.http = FakeHttp()
        self.clock = FakeClock()
        self.author = RepoAuthor("press")
        self.dns: dict[str, list[str] | None] = {}
        self.asked: list[str] = []
        self.http.put(f"{PLC}/{self.author.did}", self.author.document(PDS))
        identities = IdentityResolver(self.http, PLC, self.clock.now)
        self.resolver = LexiconResolver(self.http, identities, self.clock.now, self._lookup)
        self.lexicons = Lexicons(Validator(load_catalog()), self.resolver, asking=True)

    async def _lookup(self, name: str) -> list[str]:
        self.asked.append(name)
        found = self.dns.get(name, [])
        if found is None:
            raise OSError("no answer from the DNS")
        return found

    def publish(self, nsid: str, definitions: dict[str, Any], **more: Any) -> None:
        """Put a lexicon into the author's repo, and its domain into the DNS."""
        domain = ".".join(reversed(nsid.split(".")[:-1]))
        self.dns[f"_lexicon.{domain}"] = [f"did={self.author.did}"]
        schema = {"lexicon": 1, "id": str(nsid), "defs": definitions, **more}
        path = f"{COLLECTION}/{nsid}"
        action: Action = "update" if path in self.author.blocks else "create"
        block = encode(record_from_json({"$type": str(COLLECTION), **schema}))
        self.author.commit(RecordWrite(action, path, block))
        self.prove(nsid)

    def prove(self, nsid: str) -> None:
        """Serve the record with its proof, as com.atproto.sync.getRecord does."""
        repo = self.author.repo
        assert repo.head is not None
        path = f"{COLLECTION}/{nsid}"
        blocks = list(repo.tree.path_proof(path).items())
        record = self.author.blocks.get(path)
        if record is not None:
            blocks.append((Cid.for_block(record), record))
        self.serve(nsid, write_car(repo.head.cid, [(repo.head.cid, repo.head.block), *blocks]))

    def serve(self, nsid: str, proof: bytes, status: int = 200) -> None:
        self.http.put(self.url(nsid), proof, status)

    def url(self, nsid: str) -> str:
        query = f"did={self.author.did}&collection={COLLECTION}&rkey={nsid}"
        return f"{PDS}/xrpc/com.atproto.sync.getRecord?{query}"


def own_lexicons() -> Lexicons:
    """The lexicons that come with us, and no others."""
    press = Press()
    return Lexicons(Validator(load_catalog()), press.resolver, asking=False)


def record(**properties: Any) -> dict[str, Any]:
    """A definition of records with these properties, all required."""
    value = {"type": "object", "required": list(properties), "properties": properties}
    return {"main": {"type": "record", "key": "any", "record": value}}
