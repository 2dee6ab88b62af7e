from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.syntax import (
    FORMATS,
    AtUri,
    CidText,
    Datetime,
    Did,
    Handle,
    InvalidSyntax,
    Nsid,
    RecordKey,
    parse_at_identifier,
)
from tests.support import interop

FILES = {
    "at-identifier": "atidentifier",
    "at-uri": "aturi",
    "cid": "cid",
    "datetime": "datetime",
    "did": "did",
    "handle": "handle",
    "language": "language",
    "nsid": "nsid",
    "record-key": "recordkey",
    "tid": "tid",
    "uri": "uri",
}

OWN_VALID = [
    ("at-identifier", "did:plc:7iza6de2dwap2sbkpav7c6c6"),
    ("at-identifier", "Alice.Test"),
    ("at-uri", "at://did:web:localhost%3A2583/app.bsky.feed.post/3jzfcijpj2z2a"),
    ("cid", "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"),
    ("datetime", "2024-02-29T23:59:59.999999999Z"),
    ("datetime", "9999-12-31T23:59:59-23:59"),
    ("datetime", "0000-02-29T00:00:00Z"),
    ("did", "did:web:localhost%3A2583"),
    ("did", "did:plc:" + "a" * 2040),
    ("handle", "alice.test"),
    ("handle", "xn--ls8h.test"),
    ("language", "de-AT"),
    ("language", "sl-rozaj-biske-1994"),
    ("nsid", "app.bsky.feed.post"),
    ("nsid", "internal.hearth.upkeep.getStatus"),
    ("record-key", "self"),
    ("record-key", "a" * 512),
    ("tid", "3jzfcijpj2z2a"),
    ("uri", "https://example.com/straße?x=%20#y"),
    ("uri", "mailto:alice@example.com"),
    ("uri", "x:" + "a" * 8190),
]

OWN_INVALID = [
    ("at-identifier", ""),
    ("at-identifier", "did:plc"),
    ("at-identifier", "alice"),
    ("at-uri", "at://alice.test/app.bsky.feed.post/a/b"),
    ("at-uri", "at://alice.test/app.bsky.feed.post?x=1"),
    ("at-uri", "at://alice.test\n"),
    ("cid", "bafy"),
    ("cid", "b" * 257),
    ("datetime", "2023-02-29T00:00:00Z"),
    ("datetime", "2024-01-01T24:00:00Z"),
    ("datetime", "2024-01-01T00:00:60Z"),
    ("datetime", "2024-01-01T00:00:00-00:00"),
    ("datetime", "2024-01-01T00:00:00+24:00"),
    ("datetime", "2024-01-01T00:00:00.Z"),
    ("datetime", "0000-01-01T00:00:00+00:01"),
    ("datetime", "٢٠٢٤-01-01T00:00:00Z"),
    ("datetime", "2024-01-01T00:00:00." + "1" * 60 + "Z"),
    ("did", "did:plc:a\n"),
    ("did", "did:plc:" + "a" * 2041),
    ("did", "did:web:a%"),
    ("handle", "alice.test\n"),
    ("handle", "a" * 64 + ".test"),
    ("handle", "alice.1test"),
    ("language", "de_AT"),
    ("language", "de-AT-1996-1996"),
    ("language", "de-a-one-A-two"),
    ("language", "x" * 200),
    ("nsid", "app.bsky"),
    ("nsid", "app.bsky.feed.post-x"),
    ("nsid", "1app.bsky.feed.post"),
    ("nsid", "a." * 158 + "ab"),
    ("record-key", ""),
    ("record-key", ".."),
    ("record-key", "a/b"),
    ("record-key", "a" * 513),
    ("tid", "3jzfcijpj2z2"),
    ("tid", "k222222222222"),
    ("uri", "example.com"),
    ("uri", "https://exa mple.com"),
    ("uri", "x:" + "ß" * 4096),
]


def _interop(suffix: str) -> list[tuple[str, str]]:
    return [
        (form, line)
        for form, name in FILES.items()
        for line in interop.lines(f"syntax/{name}_{suffix}.txt")
    ]


@pytest.mark.parametrize(("form", "text"), OWN_VALID + _interop("syntax_valid"))
def test_a_well_formed_text_parses(form: str, text: str) -> None:
    parsed = FORMATS[form](text)
    assert parsed == (text.lower() if isinstance(parsed, Handle) else text)


@pytest.mark.parametrize(
    ("form", "text"),
    OWN_INVALID + _interop("syntax_invalid") + _interop("parse_invalid"),
)
def test_an_ill_formed_text_is_refused(form: str, text: str) -> None:
    with pytest.raises(InvalidSyntax, match="expected an?"):
        FORMATS[form](text)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", [None, 1, b"did:plc:a", ["did:plc:a"]])
def test_only_text_parses(form: str, value: object) -> None:
    with pytest.raises(InvalidSyntax):
        FORMATS[form](value)  # type: ignore[arg-type]


@given(st.text(max_size=80))
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in FORMATS.values():
        try:
            assert parse(text).lower() == text.lower()
        except InvalidSyntax:
            continue


def test_a_refused_text_is_shown_shortened() -> None:
    with pytest.raises(InvalidSyntax) as caught:
        Did("did:" + "X" * 5000)
    assert len(str(caught.value)) < 120


def test_what_is_parsed_already_is_kept() -> None:
    did = Did("did:plc:abc")
    assert Did(did) is did
    assert did.method == "plc"


def test_a_handle_is_in_lower_case() -> None:
    assert Handle("Alice.TEST") == "alice.test"
    assert isinstance(Handle("Alice.TEST"), Handle)


def test_an_identifier_is_a_did_or_a_handle() -> None:
    assert isinstance(parse_at_identifier("did:plc:abc"), Did)
    assert isinstance(parse_at_identifier("alice.test"), Handle)


def test_an_nsid_has_an_authority_and_a_name() -> None:
    nsid = Nsid("app.bsky.feed.post")
    assert nsid.authority == "feed.bsky.app"
    assert nsid.name == "post"


def test_an_at_uri_has_three_parts() -> None:
    uri = AtUri("at://did:plc:abc/app.bsky.feed.post/3jzfcijpj2z2a")
    assert uri == AtUri.make("did:plc:abc", "app.bsky.feed.post", "3jzfcijpj2z2a")
    assert isinstance(uri.authority, Did)
    assert isinstance(uri.collection, Nsid)
    assert isinstance(uri.rkey, RecordKey)
    assert (uri.authority, uri.collection, uri.rkey) == (
        "did:plc:abc",
        "app.bsky.feed.post",
        "3jzfcijpj2z2a",
    )


def test_an_at_uri_may_name_less_than_a_record() -> None:
    whole = AtUri("at://Alice.test")
    assert isinstance(whole.authority, Handle)
    assert (whole.authority, whole.collection, whole.rkey) == ("alice.test", None, None)
    collection = AtUri("at://alice.test/app.bsky.feed.post")
    assert (collection.collection, collection.rkey) == ("app.bsky.feed.post", None)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00.5-01:00", 500_000),
        ("2026-11-20T10:00:00.123456789Z", 1_795_168_800_123_456),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ],
)
def test_a_datetime_counts_microseconds(text: str, us: int) -> None:
    assert Datetime(text).to_us() == us


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_agrees_with_the_calendar(moment: datetime) -> None:
    us = Datetime(moment.isoformat()).to_us()
    assert us == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (moment.resolution)


@given(st.integers(min_value=-62_135_596_800_000_000, max_value=253_402_300_799_999_999))
def test_a_written_datetime_is_the_millisecond_before(us: int) -> None:
    written = Datetime.from_us(us)
    assert Datetime(str(written)) == written
    assert len(written) == 24
    assert written.to_us() == us // 1000 * 1000


def test_a_moment_outside_the_calendar_is_refused() -> None:
    for us in (10**18, -(10**18), 10**30):
        with pytest.raises(InvalidSyntax):
            Datetime.from_us(us)


def test_the_text_of_a_cid_becomes_a_link_only_if_it_is_one() -> None:
    cid = Cid.for_blob(b"x")
    assert CidText(str(cid)).to_cid() == cid
    with pytest.raises(InvalidCid):
        CidText("zdj7WWeQ43G6JJvLWQWZpyHuAMq6uYWRjkBXFad11vE2LHhQ7").to_cid()
