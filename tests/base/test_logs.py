import io
import logging
from collections.abc import Iterator

import orjson
import pytest
from aiohttp.http_exceptions import BadHttpMessage

from appliance.base.logs import redact, setup_logging

TOKEN = "eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiJkaWQ6d2ViOmEifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"authorization: DPoP {TOKEN}", TOKEN),
        ("Authorization: Basic YWRtaW46aHVudGVyMg==", "YWRtaW46aHVudGVyMg"),
        (f"got {TOKEN} from a client", TOKEN),
        ("password=hunter22 for a login", "hunter22"),
        ("{'password': 'hunter22'}", "hunter22"),
        ('{"refresh_token": "abcdefgh"}', "abcdefgh"),
        ("operator_token=abcdefgh", "abcdefgh"),
        ("url=smtps://me:hunter22@mail.test:465", "hunter22"),
        ("mail to alice@example.com failed", "alice@example.com"),
        ("app password abcd-efgh-ijkl-mnop used", "abcd-efgh-ijkl-mnop"),
    ],
)
def test_secrets_are_blotted_out(text: str, secret: str) -> None:
    redacted = redact(text)
    assert secret not in redacted
    assert "[redacted]" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "commit did=did:plc:ewvi7nxzyoun6zhxrhs64oiz rev=3l2bxyz4zks2z",
        "uri=at://did:web:a.test/app.bsky.feed.post/3l2bxyz4zks2z",
        "worker failed name=crawler failures=3",
        "host=pds.example.com status=502 bytes=1000",
        "token=None",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_message_from_outside_stays_on_its_line() -> None:
    out = io.StringIO()
    setup_logging(stream=out)
    logging.getLogger("x").warning("handle=%s", "a\x1b[2J\r\n2026 info forged: y\x9b\u202e")
    line, margin, end = out.getvalue().split("\n")
    assert "\\x1b[2J\\r" in line
    assert margin.startswith("    2026 info forged")
    assert end == ""
    assert not any(character in out.getvalue() for character in "\x1b\r\x9b\u202e")


def test_json_lines_are_one_object_each() -> None:
    out = io.StringIO()
    setup_logging(as_json=True, stream=out)
    log = logging.getLogger("appliance.x")
    log.info("first\nstill first")
    try:
        raise KeyError("k")
    except KeyError:
        log.exception("second password=hunter22")
    first, second = (orjson.loads(line) for line in out.getvalue().splitlines())
    assert (first["level"], first["logger"]) == ("info", "appliance.x")
    assert first["message"] == "first\nstill first"
    assert "Traceback" in second["message"]
    assert "hunter22" not in second["message"]


def test_the_last_lines_are_kept_for_the_panel() -> None:
    recent = setup_logging(stream=io.StringIO())
    for number in range(1200):
        logging.getLogger("x").info("line %d", number)
    assert len(recent.lines()) == 1000
    assert [line.rpartition(" ")[2] for line in recent.lines(2)] == ["1198", "1199"]
    assert recent.lines(0) == []


def test_bytes_that_are_no_http_fill_no_log() -> None:
    out = io.StringIO()
    setup_logging(stream=out)
    server = logging.getLogger("aiohttp.server")
    server.error("Error handling request", exc_info=BadHttpMessage("garbage"))
    server.error("Error handling request", exc_info=ConnectionResetError("the client left"))
    assert out.getvalue() == ""
    server.error("Error handling request", exc_info=ValueError("a fault of ours"))
    assert "a fault of ours" in out.getvalue()
