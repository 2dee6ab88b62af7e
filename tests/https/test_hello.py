"""Reading who is wanted from the first message of TLS."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.https import hello
from appliance.https.hello import Hello, NotTls


def said(name: str | None, *protocols: str) -> bytes:
    """What a client says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("smith.example", ()),
        ("Ann.Smith.Example", ("h2", "http/1.1")),
        ("a.example", ("acme-tls/1",)),
    ],
)
def test_name_and_protocols_are_read(name: str, protocols: tuple[str, ...]) -> None:
    wanted = Hello(name.lower(), tuple(each.encode() for each in protocols))
    assert hello.read(said(name, *protocols)) == wanted


def test_a_hello_need_not_say_whom_it_wants() -> None:
    assert hello.read(said(None)) == Hello("")


def test_a_hello_is_waited_for_until_it_is_whole() -> None:
    raw = said("smith.example")
    assert all(hello.read(raw[:cut]) is None for cut in range(len(raw)))


def test_a_hello_may_come_in_several_records() -> None:
    raw = said("smith.example", "h2")
    body = raw[5:]
    parts = [body[:1], body[1:3], body[3:100], body[100:]]
    records = b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)
    assert hello.read(records) == hello.read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x02\x00\x00\x05",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        b"\x16" * (hello.MOST_BYTES + 1),
    ],
)
def test_what_is_no_hello_is_refused(raw: bytes) -> None:
    with pytest.raises(NotTls):
        hello.read(raw)


def test_a_name_that_is_no_host_is_as_good_as_none() -> None:
    raw = said("smith.example")
    assert hello.read(raw.replace(b"smith.example", b"../etc/passwd")) == Hello("")


@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_hello_is_read_or_refused(at: int, damage: bytes) -> None:
    raw = bytearray(said("smith.example", "http/1.1"))
    raw[at % len(raw) : at % len(raw) + len(damage)] = damage
    try:
        found = hello.read(bytes(raw))
    except NotTls:
        return
    assert found is None or isinstance(found.name, str)
