"""Signatures as the libraries are shown them: in OpenSSL's form, and with the s that they take."""

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.curves import ORDERS, Curve, _der
from tests.support.curve_libraries import LIBRARIES

MESSAGE = b"a message"


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Curve:
    return LIBRARIES[request.param]()


def test_openssl_is_shown_a_signature_in_the_form_that_it_would_write_itself() -> None:
    beginnings = [b"\x00\x00", b"\x00\x7f", b"\x00\x80", b"\x01\x00", b"\x7f\xff", b"\x80\x00"]
    numbers = [bytes(32), *(begun + b"\xa5" * 30 for begun in beginnings)]
    for r, s in itertools.product(numbers, repeat=2):
        assert _der(r + s) == encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def test_every_library_takes_the_high_twin_only_where_it_may(library: Curve) -> None:
    key, order = PrivateKey("k256", bytes(31) + b"\x07", library), ORDERS["k256"]
    low = key.sign(MESSAGE)
    r, s = low[:32], int.from_bytes(low[32:])
    twin = r + (order - s).to_bytes(32)
    assert not key.public.verify(MESSAGE, twin)
    assert key.public.verify(MESSAGE, twin, any_s=True)
    assert key.public.verify(MESSAGE, low, any_s=True)
    for never in (order.to_bytes(32), bytes(32), b"\xff" * 32, (order - s + 1).to_bytes(32)):
        assert not key.public.verify(MESSAGE, r + never, any_s=True)
