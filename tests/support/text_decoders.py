"""Everything that reads texts, JSON and tokens of strangers; beside `decoders`."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson
from multidict import MultiDict

from appliance.appview.cards.page import is_web_address, read_page
from appliance.appview.text_segments import query_words, segmented
from appliance.atproto import cbor, jwt
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.curves import InvalidKey
from appliance.atproto.data import InvalidData, loads, record_from_json, to_json
from appliance.atproto.identity.did_doc import DidDocument, InvalidDidDocument, endpoint_url
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import cid_of, did_for, document_for, normalize
from appliance.atproto.identity.plc_log import check_shape, validate_log, validate_operation
from appliance.atproto.labels import is_signed_by
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.errors import InvalidLexicon, InvalidValue
from appliance.atproto.lexicon.graphemes import count_by_rules, count_graphemes
from appliance.atproto.lexicon.schema_check import check_document
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import (
    AtUri,
    CidText,
    Datetime,
    Did,
    Handle,
    InvalidSyntax,
    Language,
    Nsid,
    RecordKey,
    TidText,
    Uri,
    parse_at_identifier,
)
from appliance.base.addresses import is_public, parse_address
from appliance.base.browsers import safe_path
from appliance.neighbours.cards import InvalidCard, plain, read_card
from appliance.pds.oauth.client_ids import (
    check_client_id,
    check_redirect_uri,
    is_local,
    local_fields,
    same_redirect,
)
from appliance.pds.oauth.clients import read_client, read_keys
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.updates.channel import BadChannel, read_channel
from appliance.updates.signatures import NotSigned, PublisherKey, TrustedKeys
from tests.support.decoders import Decoder, known_author
from tests.support.plc_lab import Log, legacy
from tests.support.repo_author import RepoAuthor

NOW: Final = 1_790_000_000
OWN: Final = "https://hearth.test"
FORMATS: Final = (
    AtUri, CidText, Datetime, Did, Handle, Language, Nsid, RecordKey, TidText, Uri,
    parse_at_identifier,
)  # fmt: skip
TEXTS: Final = (
    "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "did:web:localhost%3A1",
    "alice.test",
    "at://alice.test/app.bsky.feed.post/3kaaaaaaaaa2a",
    "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
    "2026-11-20T10:00:00.123456Z",
    "1985-04-12T23:20:50-14:30",
    "zh-Hant-TW-x-private",
    "com.atproto.server.createSession",
    "3kaaaaaaaaa2a",
    "https://nobody.test:443/a/../b?c=%2f#d",
)
ADDRESSES: Final = ("127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "64:ff9b::7f00:1", "1.1.1.1")


def text_decoders() -> list[Decoder]:
    """Make all that read texts."""
    author = known_author()
    document = author.document("https://pds.test")
    client = {
        "client_id": "https://app.test/c.json",
        "client_name": "An app",
        "client_uri": "https://app.test/",
        "tos_uri": "https://app.test/tos",
        "redirect_uris": ["https://app.test/back"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "atproto transition:generic",
        "dpop_bound_access_tokens": True,
        "token_endpoint_auth_method": "none",
        "jwks": {"keys": [author.key.public.to_jwk()]},
    }
    card = {"name": "A", "did": author.did, "pds": "https://a.test", "domains": [".a.test"]}
    scope = (
        "atproto repo:app.bsky.feed.post?action=create blob:image/* rpc:*?aud=did:web:a.test%23b"
    )
    urls = (*ADDRESSES, *TEXTS[-1:], "http://127.0.0.1:1/cb", "app.test:/back")
    local = "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%2Fa&scope=atproto"
    page = "<head><title>A fox</title><meta property=\"og:image\" content='/a.png'><meta charset=x>"
    return [
        Decoder("JSON", _json, (InvalidData,), _written(*_RECORDS), 6),
        Decoder("record by its lexicon", _Lexicons().record, (InvalidData, InvalidValue),
                _written(*_RECORDS), 6),
        Decoder("query by its lexicon", _Lexicons().query, (InvalidValue,), _QUERIES, 2),
        Decoder("published lexicon", _of_json(check_document), (InvalidLexicon,),
                _written(*_lexicons()), 3),
        *(Decoder(f"format {each.__name__}", _of_text(each), (InvalidSyntax,), _coded(*TEXTS), 1)
          for each in FORMATS),
        Decoder("graphemes", _of_text(_graphemes), (), _coded("e\u0301🦊👨‍👩‍👧\U0001f1e6"), 1),
        Decoder("search", _of_text(_search), (), _coded("a fox 天気", '"NEAR(a b)" OR -x:*'), 1),
        Decoder("DID document", _of_json(_document), (InvalidDidDocument,), _written(document), 3),
        Decoder("directory's operation", _of_json(_operation), (InvalidOperation,),
                _written(*_operations(author)), 3),
        Decoder("directory's log", _of_json(_log), (InvalidOperation, InvalidSyntax),
                _written(*_logs())),
        Decoder("label", _of_json(partial(_label, author)), (), _written(_LABEL), 1),
        Decoder("key", _of_text(PublicKey.parse), (InvalidKey,),
                _coded(author.key.public.did_key), 1),
        Decoder("JWK", _of_json(_jwk), (InvalidKey,), _written(author.key.public.to_jwk()), 1),
        Decoder("token", _of_text(jwt.parse), (jwt.InvalidToken,), _tokens(), 3),
        Decoder("token's claims", _claims, (jwt.InvalidToken,), _written(_CLAIMS), 1),
        Decoder("own token", _own_token, (jwt.InvalidToken,), _tokens(), 2),
        Decoder("proof of a key", _proof, (jwt.InvalidToken,), _written(_PROOF), 1),
        Decoder("client's document", _of_json(_client), (OAuthError,), _written(client), 3),
        Decoder("client's name", _of_text(_client_id), (OAuthError,),
                _coded(local, str(client["client_id"])), 2),
        Decoder("redirect", _of_text(_redirect), (OAuthError,), _coded(*urls), 2),
        Decoder("scope", _of_text(_scope), (InvalidScope,), _coded(scope), 4),
        Decoder("house's card", _of_json(_card), (InvalidCard,), _written(card), 2),
        Decoder("stranger's words", _of_text(_plain), (), _coded("Ann\u202e\x07 fox\n"), 1),
        Decoder("address", _of_text(_address), (), _coded(*urls), 2),
        Decoder("page behind a link", partial(read_page, charset="utf-8", url=OWN), (),
                _coded(page, page * 20), 3),
        Decoder("releases", _channel, (NotSigned, BadChannel),
                [PUBLISHER.sign(RELEASES, "x").encode()], 1),
        Decoder("releases, signed", _signed_channel, (NotSigned, BadChannel),
                [RELEASES], 1),
    ]  # fmt: skip


def _written(*values: Any) -> list[bytes]:
    return [orjson.dumps(value) for value in values]


def _coded(*texts: str) -> list[bytes]:
    return [text.encode() for text in texts]


def _of_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Read bytes as a text; where they are none, as one with odd letters."""
    return lambda data: read(data.decode("utf-8", "replace"))


def _of_json(read: Callable[[Any], object]) -> Callable[[bytes], object]:
    """Read bytes as JSON, as everything of ours does that reads JSON; what is none is a text."""

    def read_json(data: bytes) -> object:
        try:
            value = loads(data)
        except InvalidData:
            value = data.decode("utf-8", "replace")
        return read(value)

    return read_json


_LINK: Final = {"$link": str(Cid.for_blob(b"x"))}
_REF: Final = {"uri": TEXTS[3], "cid": TEXTS[4]}
_RECORDS: Final = (
    {"$type": "app.bsky.feed.post", "text": "a fox 🦊", "createdAt": TEXTS[5], "langs": ["en"],
     "reply": {"root": _REF, "parent": _REF},
     "facets": [{"index": {"byteStart": 0, "byteEnd": 5}, "features": [
         {"$type": "app.bsky.richtext.facet#mention", "did": TEXTS[0]}]}],
     "embed": {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": {
         "$type": "blob", "ref": _LINK, "mimeType": "image/png", "size": 9}}]}},
    {"$type": "app.bsky.actor.profile", "displayName": "A", "pinnedPost": _REF},
    {"$type": "test.hearth.note", "b": {"$bytes": "AAE"}, "l": [_LINK, None, True, -1]},
)  # fmt: skip
_QUERIES: Final = (
    b"app.bsky.feed.getPosts\nuris=at://alice.test/app.bsky.feed.post/x\nuris=at://a.test",
    b"com.atproto.repo.listRecords\nrepo=alice.test\ncollection=a.b.c\nlimit=50\nreverse=true",
)
_LABEL: Final = {"ver": 1, "src": TEXTS[0], "uri": TEXTS[0], "val": "spam", "cts": TEXTS[5],
                 "sig": {"$bytes": "A" * 86}}  # fmt: skip
_CLAIMS: Final = {"iss": TEXTS[0], "sub": TEXTS[0], "aud": OWN, "iat": NOW,
                  "exp": NOW + 60, "jti": "a", "lxm": TEXTS[8]}  # fmt: skip
_PROOF: Final = {"jti": "a", "htm": "POST", "htu": f"{OWN}/a", "iat": NOW, "nonce": "n"}
_CHANNEL: Final = {
    "hearth": 1, "made": "2026-11-21T09:00:00Z", "until": "2027-11-21T09:00:00Z",
    "releases": [{"version": "1.2.3", "date": "2026-11-21", "python": "3.11", "changes": "x",
                  "archives": [{"machine": "x86_64", "name": "hearth-1.2.3.tar.gz", "size": 9,
                                "sha256": "ab" * 32}]}],
}  # fmt: skip
RELEASES: Final = orjson.dumps(_CHANNEL)
SECRET: Final = b"s" * 32
SIGNER: Final = PrivateKey.from_bytes("p256", b"\1" * 32)
PUBLISHER: Final = PublisherKey(b"publishr", b"\2" * 32)
TRUSTED: Final = TrustedKeys.parse(PUBLISHER.public_text)


def _json(data: bytes) -> object:
    value = record_from_json(loads(data))
    block = cbor.encode(value)
    assert cbor.encode(record_from_json(to_json(cbor.decode(block)))) == block
    return value


class _Lexicons:
    """What lexicons say of records and queries, compiled as the roles do."""

    def __init__(self) -> None:
        self._known = Validator(load_catalog())

    def record(self, data: bytes) -> object:
        value = record_from_json(loads(data))
        nsid = value.get("$type")
        if isinstance(nsid, str) and self._known.knows_record(nsid):
            self._known.record(nsid, value)
            self._known.blob_rules(nsid, value)
        return value

    def query(self, data: bytes) -> object:
        nsid, *pairs = data.decode("utf-8", "replace").split("\n")
        known = nsid if nsid in load_catalog().methods else "app.bsky.feed.getPosts"
        if load_catalog().methods[known]["type"] != "query":
            return None
        given: MultiDict[str] = MultiDict()
        for pair in pairs:
            name, _, value = pair.partition("=")
            given.add(name, value)
        return self._known.parameters(known, given)


def _lexicons() -> list[Any]:
    text = {"type": "string", "maxLength": 9, "maxGraphemes": 3, "knownValues": ["a"]}
    union = {"type": "union", "refs": ["#part", "com.example.a#b"]}
    record = {"type": "record", "key": "tid", "record": {"type": "object", "required": ["t"],
              "properties": {"t": text, "u": {"type": "array", "items": union}}}}  # fmt: skip
    query = {"type": "query", "parameters": {"type": "params", "properties": {"n": {
        "type": "integer", "minimum": 1}}}, "output": {"encoding": "application/json",
        "schema": {"type": "ref", "ref": "#part"}}}  # fmt: skip
    part = {"type": "object", "properties": {}}
    return [
        {"lexicon": 1, "id": "com.example.thing", "defs": {"main": main, "part": part}}
        for main in (record, query)
    ]


def _graphemes(text: str) -> object:
    """Count letters as people see them, both ways: never more than code points."""
    return max(count_by_rules(text), count_graphemes(text)) <= len(text)


def _search(text: str) -> object:
    return [segmented(text), *(query_words(word) for word in text.split())]


def _document(value: Any) -> object:
    document = DidDocument.parse(value)
    return document.signing_key, document.service("atproto_pds"), endpoint_url(str(value["id"]))


def _operation(value: Any) -> None:
    operation = check_shape(value)
    document_for("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", operation)
    normalize(operation)
    cid_of(operation)
    did_for(operation)
    validate_operation(operation)


def _operations(author: RepoAuthor) -> list[Any]:
    key = author.key.public.did_key
    operation = {
        "type": "plc_operation", "rotationKeys": [key], "verificationMethods": {"atproto": key},
        "alsoKnownAs": ["at://a.test"], "prev": None, "sig": "A" * 86,
        "services": {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": OWN}},
    }  # fmt: skip
    legacy = {
        "type": "create", "signingKey": key, "recoveryKey": key, "handle": "a.test",
        "service": OWN, "prev": None, "sig": "A" * 86,
    }  # fmt: skip
    return [operation, legacy, {"type": "plc_tombstone", "prev": TEXTS[4], "sig": "A" * 86}]


def _logs() -> list[Any]:
    log = Log()
    return [log.audit(), Log(legacy()).audit()]


def _log(value: Any) -> object:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise InvalidOperation("not a list of objects")
    return validate_log(Did(str(value[0].get("did")) if value else TEXTS[0]), value)


def _label(author: RepoAuthor, value: Any) -> object:
    return isinstance(value, dict) and is_signed_by(value, author.key.public)


def _jwk(value: Any) -> object:
    return PublicKey.from_jwk(value) if isinstance(value, dict) else None


def _segment(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")


def _tokens() -> list[bytes]:
    own = jwt.encode_hs256(SECRET, "at+jwt", dict(_CLAIMS))
    return _coded(own, jwt.encode_es(SIGNER, dict(_CLAIMS)))


def _own_token(data: bytes) -> object:
    return jwt.decode_hs256(SECRET, data.decode("utf-8", "replace"), "at+jwt")


def _sealed(header: bytes, claims: bytes) -> str:
    signed = b".".join((_segment(header), _segment(claims)))
    return b".".join((signed, _segment(SIGNER.sign(signed)))).decode()


def _claims(data: bytes) -> object:
    """Take the bytes for what a client vouches for, well signed: no signature keeps them out."""
    header = {"typ": "JWT", "alg": "ES256", "kid": "k"}
    return jwt.verify_client_assertion(
        _sealed(orjson.dumps(header), data),
        client_id=TEXTS[0],
        audience=[OWN],
        keys=[{**SIGNER.public.to_jwk(), "kid": "k"}],
        now=NOW,
    )


def _proof(data: bytes) -> object:
    """Take the bytes for a proof's claims, signed by the key that it shows."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": SIGNER.public.to_jwk()}
    sealed = _sealed(orjson.dumps(header), data)
    return jwt.verify_dpop(sealed, method="POST", url=f"{OWN}/a", now=NOW)


def _client(value: Any) -> object:
    if isinstance(value, dict):
        read_keys(value.get("jwks"))
    return read_client("https://app.test/c.json", value)


def _client_id(text: str) -> object:
    return local_fields(text) if is_local(text) else check_client_id(text)


def _redirect(text: str) -> None:
    same_redirect(text, "http://127.0.0.1/cb")
    check_redirect_uri(text, "app.test", native=bool(len(text) % 2))


def _scope(text: str) -> object:
    """Read a scope; what is written again is the same, and grants no more."""
    permissions = Permissions.parse(text)
    assert Permissions.granted(str(permissions)) == permissions
    return permissions


def _card(value: Any) -> object:
    card = read_card(value)
    return read_card(card.as_json()).as_text() == card.as_text(), card.is_public


def _plain(text: str) -> object:
    shown = plain(text)
    assert shown.isprintable()
    return shown


def _address(text: str) -> object:
    address = parse_address(text)
    assert safe_path(text).startswith("/")
    assert not safe_path(text).startswith(("//", "/\\"))
    return is_web_address(text), address is not None and is_public(address)


def _channel(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    return read_channel(RELEASES, text, TRUSTED, now=NOW, not_before=0)


def _signed_channel(data: bytes) -> object:
    """Take the bytes for what was signed: whoever has the key may make mistakes."""
    sealed = PUBLISHER.sign(data, b64encode(data[:9]).decode())
    return read_channel(data, sealed, TRUSTED, now=NOW, not_before=0)
