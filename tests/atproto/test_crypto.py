import json
import os
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from appliance.atproto import crypto, curves
from appliance.atproto.crypto import CurveName, InvalidKey, PrivateKey, PublicKey
from appliance.atproto.curves import ORDERS, Coincurve, Curve, OpenSsl, SystemLibrary
from tests.support import interop
from tests.support.curve_libraries import LIBRARIES

NAMES: list[CurveName] = ["k256", "p256"]
MESSAGE = b"a message"


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Curve:
    return LIBRARIES[request.param]()


@pytest.fixture(params=NAMES)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    name: CurveName = request.param
    return PrivateKey.generate(name)


def high_twin(name: CurveName, signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:])
    return signature[:32] + (ORDERS[name] - s).to_bytes(32)


def from_base64(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))


# From RFC 6979 (A.2.5) for P-256, and the customary vector of that scheme for K-256.
KNOWN: list[tuple[CurveName, str, bytes, str, str]] = [
    (
        "p256",
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        b"sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        "k256",
        "0000000000000000000000000000000000000000000000000000000000000001",
        b"Satoshi Nakamoto",
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
    ),
]


@pytest.mark.parametrize(("name", "scalar", "message", "r", "s"), KNOWN)
def test_signing_is_deterministic_and_takes_the_low_s(
    name: CurveName, scalar: str, message: bytes, r: str, s: str
) -> None:
    key = PrivateKey.from_bytes(name, bytes.fromhex(scalar))
    low = min(int(s, 16), ORDERS[name] - int(s, 16))
    assert key.sign(message) == bytes.fromhex(r) + low.to_bytes(32)


def test_a_signature_holds_for_its_key_and_message_only(key: PrivateKey) -> None:
    signature = key.sign(MESSAGE)
    assert len(signature) == 64
    assert key.public.verify(MESSAGE, signature)
    assert not key.public.verify(MESSAGE + b"!", signature)
    assert not PrivateKey.generate(key.curve).public.verify(MESSAGE, signature)


def test_the_high_twin_of_a_signature_holds_only_where_it_may(key: PrivateKey) -> None:
    high = high_twin(key.curve, key.sign(MESSAGE))
    assert not key.public.verify(MESSAGE, high)
    assert key.public.verify(MESSAGE, high, any_s=True)
    assert key.public.verify(MESSAGE, key.sign(MESSAGE), any_s=True)


def bad_signatures(name: CurveName, good: bytes) -> list[bytes]:
    order = ORDERS[name].to_bytes(32)
    return [
        b"",
        good[:63],
        good + b"\x00",
        bytes(64),
        b"\xff" * 64,
        good[:32] + bytes(32),
        bytes(32) + good[32:],
        good[:32] + order,
        order + good[32:],
        good[32:] + good[:32],
        good[:32] + b"\xff" * 32,
    ]


@pytest.mark.parametrize("any_s", [False, True])
def test_a_signature_out_of_shape_never_holds(key: PrivateKey, any_s: bool) -> None:
    for bad in bad_signatures(key.curve, key.sign(MESSAGE)):
        assert key.public.verify(MESSAGE, bad, any_s=any_s) is False


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_all_libraries_for_k256_compute_the_same(seed: bytes, message: bytes) -> None:
    scalar = (int.from_bytes(seed) % (ORDERS["k256"] - 1) + 1).to_bytes(32)
    keys = [PrivateKey("k256", scalar, open_library()) for open_library in LIBRARIES.values()]
    assert len({key.public for key in keys}) == 1
    assert len({key.public.point for key in keys}) == 1
    signatures = {key.sign(message) for key in keys}
    assert len(signatures) == 1
    signature = signatures.pop()
    for key in keys:
        assert key.public.verify(message, signature)
        assert not key.public.verify(message, high_twin("k256", signature))
        assert not key.public.verify(message + b"!", signature)


def test_every_library_refuses_bad_signatures(library: Curve) -> None:
    key = PrivateKey("k256", bytes(31) + b"\x07", library)
    for bad in bad_signatures("k256", key.sign(MESSAGE)):
        assert key.public.verify(MESSAGE, bad) is False


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02" + bytes(31),
        b"\x02" + bytes(33),
        b"\x02" + b"\xff" * 32,
        b"\x02" + (5).to_bytes(32),
        b"\x05" + (1).to_bytes(32),
        b"\x04" + bytes(64),
    ],
    ids=bytes.hex,
)
def test_every_library_refuses_what_is_no_point(library: Curve, raw: bytes) -> None:
    with pytest.raises(InvalidKey):
        PublicKey("k256", raw, library)


def test_a_library_serves_threads_at_once(library: Curve) -> None:
    key = PrivateKey("k256", bytes(31) + b"\x07", library)
    expected = key.sign(MESSAGE)
    answers: list[bool] = []

    def work() -> None:
        for _ in range(20):
            answers.append(key.sign(MESSAGE) == expected and key.public.verify(MESSAGE, expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [True] * 80


def test_a_missing_library_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coincurve", None)
    with pytest.raises(ImportError):
        Coincurve()
    with pytest.raises(OSError, match="not installed"):
        SystemLibrary(["libsecp256k1.so.none"])
    absent: list[Callable[[], Curve]] = [
        Coincurve,
        lambda: SystemLibrary(["libsecp256k1.so.none"]),
        lambda: OpenSsl("k256"),
    ]
    assert isinstance(curves.first_curve(absent), OpenSsl)
    if "system" in LIBRARIES:
        found = curves.first_curve([Coincurve, LIBRARIES["system"], *absent])
        assert isinstance(found, SystemLibrary)


def test_without_coincurve_keys_still_work() -> None:
    program = (
        "import sys; sys.modules['coincurve'] = None\n"
        "from appliance.atproto.crypto import PrivateKey\n"
        "key = PrivateKey.from_bytes('k256', bytes(31) + b'\\x01')\n"
        "print(key.sign(b'Satoshi Nakamoto').hex())\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == KNOWN[1][3] + KNOWN[1][4]


def test_openssl_without_determinism_signs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ec.ECDSA

    def old(algorithm: hashes.HashAlgorithm, deterministic_signing: bool = False) -> ec.ECDSA:
        if deterministic_signing:
            raise UnsupportedAlgorithm("too old")
        return real(algorithm)

    monkeypatch.setattr(ec, "ECDSA", old)
    key = PrivateKey("p256", os.urandom(32), OpenSsl("p256"))
    signatures = [key.sign(MESSAGE) for _ in range(8)]
    assert len(set(signatures)) == 8
    assert all(key.public.verify(MESSAGE, signature) for signature in signatures)


def test_openssl_takes_our_signatures_and_we_take_its_own() -> None:
    theirs = ec.generate_private_key(ec.SECP256R1())
    ours = PrivateKey.from_bytes("p256", theirs.private_numbers().private_value.to_bytes(32))
    for _ in range(8):
        r, s = decode_dss_signature(theirs.sign(MESSAGE, ec.ECDSA(hashes.SHA256())))
        assert ours.public.verify(MESSAGE, r.to_bytes(32) + s.to_bytes(32), any_s=True)


OWN_KEYS: list[tuple[CurveName, bytes, str]] = [
    (
        "k256",
        bytes.fromhex("9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c"),
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
    ),
]


def published_keys() -> list[tuple[CurveName, bytes, str]]:
    k256 = [
        (bytes.fromhex(case["privateKeyBytesHex"]), case["publicDidKey"])
        for case in interop.cases("crypto/w3c_didkey_K256.json")
    ]
    p256 = [
        (crypto._from_multibase("z" + case["privateKeyBytesBase58"]), case["publicDidKey"])
        for case in interop.cases("crypto/w3c_didkey_P256.json")
    ]
    return [("k256", *case) for case in k256] + [("p256", *case) for case in p256]


@pytest.mark.parametrize(("name", "scalar", "did_key"), OWN_KEYS + published_keys())
def test_a_key_has_its_published_name(name: CurveName, scalar: bytes, did_key: str) -> None:
    key = PrivateKey.from_bytes(name, scalar)
    assert key.to_bytes() == scalar
    assert key.public.did_key == did_key
    assert PublicKey.parse(did_key) == key.public


OWN_SIGNATURES: list[dict[str, Any]] = [
    {
        "messageBase64": "oWVoZWxsb2V3b3JsZA",
        "algorithm": "ES256K",
        "publicKeyDid": "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc",
        "publicKeyMultibase": "z25z9DTpsiYYJKGsWmSPJK2NFN8PcJtZig12K59UgW7q5t",
        "signatureBase64": "5WpdIuEUUfVUYaozsi8G0B3cWO09cgZbIIwg1t2YKdUn"
        "/FEznOndsz/qgiYb89zwxYCbB71f7yQK5Lr7NasfoA",
        "validSignature": True,
    },
]


@pytest.mark.parametrize("case", OWN_SIGNATURES + interop.cases("crypto/signature-fixtures.json"))
def test_published_signatures_are_judged_right(case: dict[str, Any]) -> None:
    key = PublicKey.parse(case["publicKeyDid"])
    assert key.alg == case["algorithm"]
    assert PublicKey.from_multibase(key.curve, case["publicKeyMultibase"]) == key
    message, signature = from_base64(case["messageBase64"]), from_base64(case["signatureBase64"])
    assert key.verify(message, signature) == case["validSignature"]


def test_all_forms_of_a_public_key_name_the_same(key: PrivateKey) -> None:
    public = key.public
    uncompressed = "z" + crypto._base58(b"\x04" + public.point)
    assert public == PublicKey.parse(public.did_key) == PublicKey.parse(public.multikey)
    assert public == PublicKey.from_compressed(key.curve, public.compressed)
    assert public == PublicKey.from_multibase(key.curve, uncompressed)
    assert public == PublicKey.from_jwk(public.to_jwk())
    assert PublicKey.parse(public.did_key) is PublicKey.parse(public.multikey)
    assert len({public, PublicKey.parse(public.did_key)}) == 1
    assert public != PrivateKey.generate(key.curve).public
    assert public != public.did_key


def test_a_jwk_is_the_one_another_library_writes(key: PrivateKey) -> None:
    theirs = ECKey.import_key({k: str(v) for k, v in key.public.to_jwk().items()})
    assert PublicKey.from_jwk(dict(theirs.as_dict(private=False))) == key.public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "did:key:",
        "did:key:z",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBmf",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBm",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBm0",
        "did:key:mQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:plc:7iza6de2dwap2sbkpav7c6c6",
        "z" + "1" * 40,
        "z" + "z" * 100_000,
        None,
    ],
    ids=lambda text: str(text)[:40],
)
def test_what_names_no_key_is_refused(text: Any) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.parse(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_scalar_lies_between_zero_and_the_order(name: CurveName) -> None:
    order = ORDERS[name]
    assert PrivateKey.from_bytes(name, (order - 1).to_bytes(32)).sign(b"")
    for bad in (bytes(32), order.to_bytes(32), b"\xff" * 32, b"\x01", bytes(33)):
        with pytest.raises(InvalidKey):
            PrivateKey.from_bytes(name, bad)


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "OKP"},
        {"kty": None},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"x": None},
        {"x": ""},
        {"x": "A" * 43},
        {"x": "A" * 44},
        {"y": "A" * 42},
        {"y": "A" * 42 + "B"},
        {"y": "+" * 43},
        {"y": "é" * 43},
        {"y": 7},
    ],
    ids=json.dumps,
)
def test_a_damaged_jwk_is_refused(key: PrivateKey, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.from_jwk(key.public.to_jwk() | change)


def test_a_jwk_has_one_spelling_only(key: PrivateKey) -> None:
    jwk = key.public.to_jwk()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # The last of 43 letters carries two bits that belong to no byte.
    respelled = jwk["y"][:-1] + letters[letters.index(jwk["y"][-1]) ^ 1]
    with pytest.raises(InvalidKey):
        PublicKey.from_jwk(jwk | {"y": respelled})


def test_a_point_needs_both_its_own_coordinates(key: PrivateKey) -> None:
    x, y = key.public.point[:32], key.public.point[32:]
    assert PublicKey.from_point(key.curve, x, y) == key.public
    for bad in (y[:31], y[:-1] + bytes((y[31] ^ 2,)), bytes(32)):
        with pytest.raises(InvalidKey):
            PublicKey.from_point(key.curve, x, bad)


def test_a_private_key_is_never_shown(key: PrivateKey) -> None:
    secret = key.to_bytes()
    shown = repr(key) + str(key) + f"{[key]}"
    assert key.public.did_key in shown
    assert secret.hex() not in shown
    assert str(int.from_bytes(secret)) not in shown
    assert repr(secret) not in shown


@given(st.binary(min_size=1, max_size=60))
def test_base58_goes_both_ways(raw: bytes) -> None:
    assert crypto._from_multibase("z" + crypto._base58(raw)) == raw


def test_base58_writes_the_known_text() -> None:
    assert crypto._base58(b"hello world") == "StV1DL6CwTryKyV"
    assert crypto._base58(b"\x00\x00\x01") == "112"
