"""did:plc: making operations, naming them, rendering documents."""

import json

import pytest

from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import (
    cid_of,
    data_for,
    did_for,
    document_for,
    is_plc_did,
    sign_operation,
    tombstone_operation,
    update_operation,
)
from appliance.atproto.identity.plc_log import MisorderedOperation, validate_log
from appliance.atproto.syntax import Did
from tests.support.plc_lab import OWNER, SERVER, SIGNING, START_US, Log, genesis, legacy, rename


def test_a_genesis_operation_makes_a_did_of_24_letters() -> None:
    did = did_for(genesis())
    assert is_plc_did(did)
    assert Did(did) == did
    assert not is_plc_did("did:plc:short")
    assert not is_plc_did(f"{did}\n")


def test_the_did_follows_from_every_byte_of_the_signed_operation() -> None:
    operation = genesis()
    assert did_for(operation) == did_for(json.loads(json.dumps(operation)))
    assert did_for(operation) != did_for({**operation, "sig": operation["sig"][::-1]})


def test_an_update_changes_what_it_is_told_and_nothing_else() -> None:
    first = genesis(alsoKnownAs=["https://alice.example", "at://alice.test", "at://old.test"])
    updated = update_operation(first, handle="bob.test", pds_url="https://new.example.com")
    assert updated == {
        **{name: value for name, value in first.items() if name != "sig"},
        "alsoKnownAs": ["https://alice.example", "at://bob.test", "at://old.test"],
        "services": {
            "atproto_pds": {
                "type": "AtprotoPersonalDataServer",
                "endpoint": "https://new.example.com",
            }
        },
        "prev": str(cid_of(first)),
    }
    keys = update_operation(first, signing_key="did:key:zNew", rotation_keys=["did:key:zOne"])
    assert keys["verificationMethods"] == {"atproto": "did:key:zNew"}
    assert keys["rotationKeys"] == ["did:key:zOne"]
    assert "sig" not in keys


def test_a_handle_is_put_in_front_where_there_was_none() -> None:
    first = genesis(alsoKnownAs=["https://alice.example"])
    updated = update_operation(first, handle="bob.test")
    assert updated["alsoKnownAs"] == ["at://bob.test", "https://alice.example"]


def test_nothing_follows_a_tombstone() -> None:
    log = Log()
    end = sign_operation(tombstone_operation(log.entries[-1].operation), SERVER)
    log.add(end, START_US + 1000)
    with pytest.raises(InvalidOperation, match="tombstone"):
        update_operation(end)
    after = sign_operation({**genesis(), "prev": str(cid_of(end))}, SERVER)
    with pytest.raises(MisorderedOperation, match="tombstone"):
        log.add(after, START_US + 2000)
    assert data_for(log.did, end) is None
    assert document_for(log.did, end) is None


def test_a_document_is_rendered_as_directories_do() -> None:
    operation = genesis(
        verificationMethods={
            "atproto": SIGNING.public.did_key,
            "other": OWNER.public.did_key,
            "exotic": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        }
    )
    did = did_for(operation)
    assert document_for(did, operation) == {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            "https://w3id.org/security/suites/secp256k1-2019/v1",
            "https://w3id.org/security/suites/ecdsa-2019/v1",
        ],
        "id": did,
        "alsoKnownAs": ["at://alice.test"],
        "verificationMethod": [
            {
                "id": f"{did}#{name}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": key,
            }
            for name, key in [
                ("atproto", SIGNING.public.multikey),
                ("other", OWNER.public.multikey),
                ("exotic", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),
            ]
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": "https://pds.example.com",
            }
        ],
    }


def test_a_legacy_operation_can_begin_a_log_and_be_updated() -> None:
    first = legacy()
    log = Log(first)
    data = data_for(log.did, first)
    assert data is not None
    assert data["rotationKeys"] == [OWNER.public.did_key, SIGNING.public.did_key]
    assert data["services"]["atproto_pds"]["endpoint"] == "https://pds.example.com"
    assert data["alsoKnownAs"] == ["at://alice.test"]
    log.add(rename(first, "bob.test", SIGNING), START_US + 1000)
    assert len(validate_log(log.did, log.audit())) == 2
