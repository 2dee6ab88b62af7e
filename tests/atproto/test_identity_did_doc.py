"""DID documents: what is read from them, and what is not believed."""

from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.did_doc import DidDocument, InvalidDidDocument, endpoint_url

KEY = PrivateKey.generate("k256").public
P256 = PrivateKey.generate("p256").public
DID = "did:plc:yk4dd2qkboz2yv6tpubpc6co"


def document(**changes: Any) -> dict[str, Any]:
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": DID,
        "alsoKnownAs": ["at://Alice.Test"],
        "verificationMethod": [
            {
                "id": f"{DID}#atproto",
                "type": "Multikey",
                "controller": DID,
                "publicKeyMultibase": KEY.multikey,
            }
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": "https://PDS.example.com/",
            }
        ],
        **changes,
    }


def method(**changes: Any) -> list[dict[str, Any]]:
    return [{**document()["verificationMethod"][0], **changes}]


def service(**changes: Any) -> list[dict[str, Any]]:
    return [{**document()["service"][0], **changes}]


def test_a_document_says_who_with_which_key_and_where() -> None:
    parsed = DidDocument.parse(document())
    assert parsed.did == DID
    assert parsed.handle == "alice.test"
    assert parsed.signing_key == KEY
    assert parsed.pds == "https://pds.example.com"
    assert parsed.services == {
        "#atproto_pds": ("AtprotoPersonalDataServer", "https://PDS.example.com/")
    }
    assert parsed.raw == document()


def test_ids_may_be_relative_or_full() -> None:
    parsed = DidDocument.parse(
        document(verificationMethod=method(id="#atproto"), service=service(id=f"{DID}#atproto_pds"))
    )
    assert parsed.signing_key == KEY
    assert parsed.pds == "https://pds.example.com"


@pytest.mark.parametrize(
    "methods",
    [
        None,
        "x",
        [1],
        method(id="#other"),
        method(id=None),
        method(id="did:plc:other#atproto"),
        method(type="JsonWebKey2020"),
        method(type=None),
        method(publicKeyMultibase=1),
        method(publicKeyMultibase="z6Mkhax"),
        method(id="#atproto", publicKeyMultibase="zz") + method(),
    ],
)
def test_a_key_that_is_not_the_accounts_is_no_key(methods: Any) -> None:
    assert DidDocument.parse(document(verificationMethod=methods)).signing_key is None


def test_the_first_entry_of_a_name_counts() -> None:
    two = service() + service(serviceEndpoint="https://other.example.com")
    assert DidDocument.parse(document(service=two)).pds == "https://pds.example.com"


def base58(raw: bytes) -> str:
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = letters[digit] + text
    return text


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("EcdsaSecp256k1VerificationKey2019", KEY),
        ("EcdsaSecp256r1VerificationKey2019", P256),
    ],
)
def test_older_key_types_are_read_too(kind: str, key: Any) -> None:
    for raw in (key.compressed, b"\x04" + key.point):
        methods = method(type=kind, publicKeyMultibase=f"z{base58(raw)}")
        assert DidDocument.parse(document(verificationMethod=methods)).signing_key == key


@pytest.mark.parametrize(
    "services",
    [
        None,
        [],
        [None],
        service(id="#other"),
        service(type="Other"),
        service(serviceEndpoint=["https://pds.example.com"]),
        service(serviceEndpoint="ftp://pds.example.com"),
        service(serviceEndpoint="unix:/run/pds.sock"),
    ],
)
def test_a_place_that_cannot_be_one_is_none(services: Any) -> None:
    assert DidDocument.parse(document(service=services)).pds is None


@pytest.mark.parametrize(
    ("aliases", "handle"),
    [
        (None, None),
        ("at://alice.test", None),
        ([], None),
        ([1, "https://alice.example", "at://alice.test", "at://bob.test"], "alice.test"),
        (["at://not a handle", "at://alice.test"], None),
        (["at://did:plc:yk4dd2qkboz2yv6tpubpc6co"], None),
    ],
)
def test_the_first_at_alias_is_the_handle(aliases: Any, handle: str | None) -> None:
    assert DidDocument.parse(document(alsoKnownAs=aliases)).handle == handle


@pytest.mark.parametrize("raw", [None, [], {}, {"id": 1}, {"id": "nobody"}, {"id": ["did:a:b"]}])
def test_what_has_no_did_is_no_document(raw: Any) -> None:
    with pytest.raises(InvalidDidDocument):
        DidDocument.parse(raw)


def test_a_service_is_found_by_name_and_type() -> None:
    labeler = {"id": "#atproto_labeler", "type": "AtprotoLabeler"}
    entries = [{**labeler, "serviceEndpoint": "https://labels.example.com"}]
    parsed = DidDocument.parse(document(service=entries))
    assert parsed.service("#atproto_labeler") == "https://labels.example.com"
    assert parsed.service("#atproto_labeler", "AtprotoLabeler") == "https://labels.example.com"
    assert parsed.service("#atproto_labeler", "Other") is None
    assert parsed.service("#bsky_fg") is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/", "https://a.example"),
        ("http://localhost:2583", "http://localhost:2583"),
        ("https://A.Example:8443/", "https://a.example:8443"),
        ("https://a.example/path", None),
        ("https://a.example?x=1", None),
        ("https://a.example#x", None),
        ("https://user:pw@a.example", None),
        ("https://a.example:99999", None),
        ("https://a.example:0", None),
        ("https://[::1", None),
        ("https://", None),
        ("a.example", None),
        ("javascript:alert(1)", None),
    ],
)
def test_an_endpoint_is_a_plain_web_address(text: str, url: str | None) -> None:
    assert endpoint_url(text) == url
