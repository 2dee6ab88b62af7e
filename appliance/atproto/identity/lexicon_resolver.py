"""LexiconResolver: the published schema of an NSID, proven to be its authority's, and remembered.

The authority's domain names a DID in the DNS; its repo holds the schema as a record.
https://atproto.com/specs/lexicon#lexicon-publication-and-resolution
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.atproto import cbor
from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.data import to_json
from appliance.atproto.http_port import Requester
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.memory import Memory, SingleFlight
from appliance.atproto.identity.names import LookupTxt, lookup_txt_records
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.errors import InvalidLexicon
from appliance.atproto.lexicon.schema_check import check_document
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import AtUri, Did, JsonObject, Nsid, RecordKey

COLLECTION: Final = Nsid("com.atproto.lexicon.schema")

FRESH_SECONDS: Final = 24 * 3600.0
MISSING_SECONDS: Final = 3600.0
ERROR_SECONDS: Final = 600.0
MAX_KEPT: Final = 1_000
MAX_PROOF_BYTES: Final = 400_000
MAX_SCHEMA_BYTES: Final = 200_000
FETCH_SECONDS: Final = 6.0


class LexiconNotFound(LookupError):
    """Nobody publishes a usable lexicon of that name."""

    xrpc_name: Final = "LexiconNotFound"


class LexiconUnreachable(ConnectionError):
    """Whoever would know the lexicon gives no usable answer at the moment."""

    xrpc_name: Final = "UpstreamFailure"


@dataclass(frozen=True, slots=True)
class LexiconDocument:
    """A published lexicon: `uri` and `cid` of its record, `schema` in JSON form."""

    nsid: Nsid
    uri: AtUri
    cid: Cid
    schema: JsonObject


class LexiconResolver:
    """Resolve NSIDs to the lexicons their authorities publish.

    A lexicon is fresh for a day, its absence for an hour, a failure for ten minutes; while its
    source is down, the last good one serves on. What is found is a lexicon by its form; whether
    those that it refers to exist is not looked at.
    """

    def __init__(
        self,
        http: Requester,
        identities: IdentityResolver,
        now: Callable[[], float],
        lookup_txt: LookupTxt | None = None,
    ) -> None:
        self._http = http
        self._identities = identities
        self._lookup_txt = lookup_txt or lookup_txt_records
        self._found: Memory[Nsid, LexiconDocument] = Memory(now, MAX_KEPT)
        self._errors: Memory[Nsid, Exception] = Memory(now, MAX_KEPT)
        self._flights = SingleFlight()

    def known(self, nsid: Nsid) -> LexiconDocument | None:
        """Give a lexicon that is remembered and fresh."""
        return self._found.fresh(nsid)

    def is_missing(self, nsid: Nsid) -> bool:
        """Tell whether it was lately looked for in vain."""
        return self._errors.fresh(nsid) is not None

    def give_up(self, nsid: Nsid) -> None:
        """Do not ask about this one for a while: it takes too long."""
        self._errors.keep(nsid, LexiconUnreachable(f"no answer about {nsid}"), ERROR_SECONDS)

    async def resolve(self, nsid: Nsid) -> LexiconDocument:
        """Return the lexicon of an NSID. Raises LexiconNotFound, LexiconUnreachable."""
        known = self._found.fresh(nsid)
        if known is not None:
            return known
        error = self._errors.fresh(nsid)
        if error is not None:
            raise type(error)(*error.args)
        return await self._flights.run(nsid, lambda: self._look_up(nsid))

    async def _look_up(self, nsid: Nsid) -> LexiconDocument:
        try:
            found = await self._fetch(nsid)
        except LexiconNotFound as error:
            self._errors.keep(nsid, error, MISSING_SECONDS)
            raise
        except LexiconUnreachable as error:
            last_good = self._found.any_age(nsid)
            if last_good is not None:
                self._found.keep(nsid, last_good, ERROR_SECONDS)
                return last_good
            self._errors.keep(nsid, error, ERROR_SECONDS)
            raise
        self._found.keep(nsid, found, FRESH_SECONDS)
        return found

    async def _fetch(self, nsid: Nsid) -> LexiconDocument:
        did = await self._authority(nsid)
        try:
            document = await self._identities.document(did)
            proof = await self._proof(document, nsid)
        except IdentityNotFound as missing:
            raise LexiconNotFound(f"the authority of {nsid} is {did}: {missing}") from missing
        except (IdentityUnreachable, OSError) as failure:
            raise LexiconUnreachable(f"the authority of {nsid} gives no answer") from failure
        cid, schema = _proven(document, nsid, proof)
        return LexiconDocument(nsid, AtUri.make(did, COLLECTION, _key(nsid)), cid, schema)

    async def _authority(self, nsid: Nsid) -> Did:
        """Ask the DNS whose an NSID is. Groups of an authority each have a name of their own."""
        try:
            texts = await self._lookup_txt(f"_lexicon.{nsid.authority.lower()}")
        except OSError as failure:
            raise LexiconUnreachable(f"no answer from the DNS about {nsid}") from failure
        dids = {text.removeprefix("did=") for text in texts if text.startswith("did=")}
        if len(dids) != 1:
            said = "more than one DID" if dids else "no DID"
            raise LexiconNotFound(f"the domain of {nsid} names {said}")
        try:
            return Did(dids.pop())
        except ValueError as malformed:
            raise LexiconNotFound(f"the domain of {nsid}: {malformed}") from malformed

    async def _proof(self, document: DidDocument, nsid: Nsid) -> bytes:
        if document.pds is None:
            raise LexiconNotFound(f"the authority of {nsid} has no PDS")
        answer = await self._http.request(
            "GET",
            document.pds,
            path="/xrpc/com.atproto.sync.getRecord",
            params=[("did", document.did), ("collection", COLLECTION), ("rkey", nsid)],
            max_bytes=MAX_PROOF_BYTES,
            timeout=FETCH_SECONDS,
        )
        if answer.status >= 500 or answer.status == 429:
            raise LexiconUnreachable(f"status {answer.status} about {nsid}")
        if answer.status != 200:
            raise LexiconNotFound(f"the authority of {nsid} publishes no such lexicon")
        return answer.body


def _proven(document: DidDocument, nsid: Nsid, proof: bytes) -> tuple[Cid, JsonObject]:
    """Check that the repo signed for this record. Raises LexiconNotFound."""
    try:
        car = read_car(proof)
        commit = parse_commit(car.blocks[car.roots[0]])
        if commit.did != document.did:
            raise LexiconNotFound(f"the proof of {nsid} is of the repo of {commit.did}")
        if document.signing_key is None or not commit.verify(document.signing_key):
            raise LexiconNotFound(f"the proof of {nsid} is not signed by {document.did}")
        cid = Mst.load(commit.data, car.blocks).get(f"{COLLECTION}/{nsid}")
        if cid is None:
            raise LexiconNotFound(f"the authority of {nsid} publishes no such lexicon")
        block = car.blocks[cid]
        if len(block) > MAX_SCHEMA_BYTES:
            raise LexiconNotFound(f"the lexicon {nsid} is longer than {MAX_SCHEMA_BYTES} bytes")
        schema = to_json(cbor.decode(block))
    except (KeyError, IndexError, InvalidCar, ValueError) as damaged:
        raise LexiconNotFound(f"the proof of {nsid} cannot be read") from damaged
    return cid, _checked(schema, nsid)


def _checked(schema: object, nsid: Nsid) -> JsonObject:
    if not isinstance(schema, dict) or schema.get("$type") != COLLECTION:
        raise LexiconNotFound(f"{nsid} is no lexicon")
    if schema.get("id") != nsid:
        raise LexiconNotFound(f"the lexicon at {nsid} is that of {schema.get('id')}")
    try:
        check_document({key: value for key, value in schema.items() if key != "$type"})
    except InvalidLexicon as bad:
        raise LexiconNotFound(f"the lexicon {nsid} is not valid: {bad}") from bad
    return schema


def _key(nsid: Nsid) -> RecordKey:
    return RecordKey.unchecked(nsid)
