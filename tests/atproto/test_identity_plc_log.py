"""The rules by which did:plc logs grow."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import (
    RECOVERY_WINDOW_US,
    did_for,
    sign_operation,
    tombstone_operation,
    update_operation,
)
from appliance.atproto.identity.plc_log import (
    LateRecovery,
    MisorderedOperation,
    check_next,
    validate_log,
    validate_operation,
)
from appliance.atproto.syntax import JsonObject
from tests.support.plc_lab import (
    HOUR_US,
    OWNER,
    SERVER,
    SIGNING,
    START_US,
    STRANGER,
    Log,
    genesis,
    legacy,
    rename,
)


def test_a_genesis_operation_must_make_this_very_did() -> None:
    other = did_for(genesis(alsoKnownAs=[]))
    with pytest.raises(InvalidOperation, match="not this DID"):
        check_next(other, [], genesis(), START_US)


def test_a_genesis_operation_is_signed_by_one_of_its_own_keys() -> None:
    forged = genesis(STRANGER)
    with pytest.raises(InvalidOperation, match="signature"):
        check_next(did_for(forged), [], forged, START_US)


def test_a_log_begins_with_a_creation() -> None:
    first = genesis()
    late = rename(first, "bob.test", SERVER)
    for operation in (late, sign_operation(tombstone_operation(first), SERVER)):
        with pytest.raises(MisorderedOperation, match="prev must be null"):
            check_next(did_for(operation), [], operation, START_US)


def test_an_update_needs_a_key_that_was_valid_before_it() -> None:
    log = Log()
    first = log.entries[0].operation
    taken = sign_operation(
        update_operation(first, rotation_keys=[STRANGER.public.did_key]), STRANGER
    )
    with pytest.raises(InvalidOperation, match="signature"):
        log.add(taken, START_US + 1000)
    log.add(rename(first, "bob.test", OWNER), START_US + 1000)
    with pytest.raises(MisorderedOperation):
        log.add(sign_operation({**genesis(), "prev": "bafyreib"}, SERVER), START_US + 2000)
    with pytest.raises(MisorderedOperation):
        log.add(genesis(), START_US + 2000)


def test_the_signing_key_has_no_power_over_the_identity() -> None:
    log = Log()
    with pytest.raises(InvalidOperation, match="signature"):
        log.add(rename(log.entries[0].operation, "eve.test", SIGNING), START_US + 1000)


def stolen() -> Log:
    """Return a log in which the server's key has locked the owner out, in two steps."""
    log = Log()
    theft = update_operation(log.entries[0].operation, rotation_keys=[SERVER.public.did_key])
    log.add(sign_operation(theft, SERVER), START_US + HOUR_US)
    log.add(rename(log.entries[1].operation, "eve.test", SERVER), START_US + 2 * HOUR_US)
    return log


def test_a_stronger_key_undoes_what_a_weaker_one_did() -> None:
    log = stolen()
    recovery = rename(log.entries[0].operation, "alice2.test", OWNER)
    undone = log.add(recovery, START_US + HOUR_US + RECOVERY_WINDOW_US)
    assert undone == (log.entries[1].cid, log.entries[2].cid)
    assert [entry.nullified for entry in log.entries] == [False, True, True, False]
    valid = validate_log(log.did, log.audit())
    assert valid[-1].operation == recovery
    with pytest.raises(MisorderedOperation):
        log.add(rename(log.entries[2].operation, "eve2.test", SERVER), START_US + 4 * HOUR_US)


def test_a_recovery_comes_within_72_hours() -> None:
    log = stolen()
    recovery = rename(log.entries[0].operation, "alice2.test", OWNER)
    with pytest.raises(LateRecovery):
        log.add(recovery, START_US + HOUR_US + RECOVERY_WINDOW_US + 1)


def test_a_recovery_cannot_be_older_than_what_it_undoes() -> None:
    log = stolen()
    recovery = rename(log.entries[0].operation, "alice2.test", OWNER)
    with pytest.raises(MisorderedOperation, match="older"):
        log.add(recovery, START_US + 2 * HOUR_US)


@pytest.mark.parametrize("key", [SERVER, STRANGER])
def test_a_key_cannot_undo_what_itself_or_a_stronger_one_did(key: PrivateKey) -> None:
    log = stolen()
    recovery = rename(log.entries[0].operation, "alice2.test", key)
    with pytest.raises(InvalidOperation, match="signature"):
        log.add(recovery, START_US + 3 * HOUR_US)


def test_a_stolen_tombstone_can_be_undone() -> None:
    log = Log()
    first = log.entries[0].operation
    log.add(sign_operation(tombstone_operation(first), SERVER), START_US + 1000)
    log.add(rename(first, "back.test", OWNER), START_US + 2000)
    assert validate_log(log.did, log.audit())[-1].operation["alsoKnownAs"] == ["at://back.test"]


def test_an_audit_log_that_lies_is_found_out() -> None:
    log = stolen()
    log.add(rename(log.entries[0].operation, "alice2.test", OWNER), START_US + 3 * HOUR_US)
    honest = log.audit()
    assert validate_log(log.did, honest)
    lies: list[tuple[list[JsonObject], str]] = [
        ([], "empty"),
        ([{**honest[0], "nullified": True}, *honest[1:]], "nullified"),
        ([*honest[:1], {**honest[1], "nullified": False}, *honest[2:]], "nullified"),
        ([{**honest[0], "cid": honest[1]["cid"]}, *honest[1:]], "does not match"),
        ([{**honest[0], "did": "did:plc:other"}, *honest[1:]], "does not match"),
        ([{**honest[0], "createdAt": "yesterday"}, *honest[1:]], "createdAt"),
        ([{**honest[0], "createdAt": None}, *honest[1:]], "createdAt"),
        (honest[1:], "prev must be null"),
        ([{"did": log.did}], "not an operation"),
    ]
    for audit, reason in lies:
        with pytest.raises(InvalidOperation, match=reason):
            validate_log(log.did, audit)


MALFORMED: list[tuple[Any, str]] = [
    (None, "not an operation"),
    ([], "not an operation"),
    ({}, "not an operation"),
    ({"type": []}, "not an operation"),
    ({"type": "plc_other"}, "not an operation"),
    (legacy(), "legacy"),
    ({k: v for k, v in genesis().items() if k != "prev"}, "lacks 'prev'"),
    ({**genesis(), "extra": 1}, "no field 'extra'"),
    ({**genesis(), "prev": 1}, "'prev' is malformed"),
    ({**genesis(), "sig": None}, "'sig' is malformed"),
    ({**genesis(), "rotationKeys": "did:key:z"}, "'rotationKeys' is malformed"),
    ({**genesis(), "alsoKnownAs": [1]}, "'alsoKnownAs' is malformed"),
    ({**genesis(), "verificationMethods": {"a": 1}}, "'verificationMethods' is malformed"),
    ({**genesis(), "services": {"a": {"type": "x"}}}, "'services' is malformed"),
    (
        {**genesis(), "services": {"a": {"type": "x", "endpoint": "y", "z": "z"}}},
        "'services' is malformed",
    ),
    ({"type": "plc_tombstone", "prev": None, "sig": ""}, "'prev' is malformed"),
    ({**genesis(), "rotationKeys": []}, "must be a rotation key"),
    ({**genesis(), "rotationKeys": [OWNER.public.did_key] * 2}, "twice"),
    ({**genesis(), "rotationKeys": ["did:key:zabc"]}, "K-256 or P-256"),
    ({**genesis(), "rotationKeys": [OWNER.public.multikey]}, "must be a did:key"),
    ({**genesis(), "alsoKnownAs": ["at://a.test"] * 2}, "twice"),
    ({**genesis(), "alsoKnownAs": ["x" * 259]}, "259 is more than 258"),
    ({**genesis(), "alsoKnownAs": [str(n) for n in range(11)]}, "11 is more than 10"),
    ({**genesis(), "services": {"x" * 33: {"type": "", "endpoint": ""}}}, "33 is more than 32"),
    ({**genesis(), "services": {"a": {"type": "x" * 257, "endpoint": ""}}}, "257"),
    ({**genesis(), "services": {"a": {"type": "", "endpoint": "x" * 513}}}, "513"),
    ({**genesis(), "verificationMethods": {"a": "zabc"}}, "must be a did:key"),
    ({**genesis(), "verificationMethods": {"a": "did:key:z0OIl"}}, "must be a did:key"),
    ({**genesis(), "verificationMethods": {"a": "did:key:z" + "a" * 256}}, "265"),
    ({**genesis(), "sig": "x" * 7500}, "larger than 7500 bytes"),
]


@pytest.mark.parametrize(("operation", "reason"), MALFORMED)
def test_a_malformed_operation_is_refused_with_the_reason(operation: Any, reason: str) -> None:
    with pytest.raises(InvalidOperation, match=reason):
        validate_operation(operation)


def test_good_operations_are_taken() -> None:
    first = genesis()
    validate_operation(first)
    validate_operation(sign_operation(tombstone_operation(first), SERVER))


def high_s(signature: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def test_a_signature_has_exactly_one_form() -> None:
    first = genesis()
    text: str = first["sig"]
    raw = urlsafe_b64decode(text + "==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose_bits = text[:-1] + letters[letters.index(text[-1]) + 1]
    assert urlsafe_b64decode(loose_bits + "==") == raw
    for broken in (
        f"{text}==",
        f"{text}\n",
        loose_bits,
        text[:-2],
        urlsafe_b64encode(high_s(raw)).decode().rstrip("="),
        text.replace(text[0], "+"),
        "",
    ):
        operation = {**first, "sig": broken}
        with pytest.raises(InvalidOperation, match="signature"):
            check_next(did_for(operation), [], operation, START_US)


def test_keys_of_unknown_kinds_in_old_logs_do_no_harm() -> None:
    exotic = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    first = sign_operation(
        {**genesis(), "rotationKeys": [exotic, SERVER.public.did_key]},
        SERVER,
    )
    assert check_next(did_for(first), [], first, START_US) == ()
    with pytest.raises(ValueError, match="."):
        PublicKey.parse(exotic)
