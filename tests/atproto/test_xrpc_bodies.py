import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from io import BytesIO

import orjson
import pytest

from tests.support.xrpc_service import JSON, SIGNED, Client, serving


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(validate_outputs=True) as made:
        yield made


async def test_a_body_nobody_asked_for_is_refused(client: Client) -> None:
    status, _, _ = await client.post("t.a.touch", json={})
    assert (status, client.role.touched) == (400, 0)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b'{"text": "a"}', {}),
        (b'{"text": "a"}', {"Content-Type": "text/plain"}),
        (b"", JSON),
        (b"not json", JSON),
        (b'{"text": 1}', JSON),
        (b"{}", JSON),
        (b"[]", JSON),
        (b"\xff\xfe", JSON),
        (b"[" * 100_000, JSON),
        (b'{"text":' * 1000, JSON),
    ],
)
async def test_a_bad_body_is_an_invalid_request_and_no_crash(
    client: Client, data: bytes, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    status, body, _ = await client.post("t.a.write", data=data, headers={**headers, **SIGNED})
    assert (status, body["error"]) == (400, "InvalidRequest")
    assert not caplog.records


async def test_the_kind_of_a_body_may_carry_parameters(client: Client) -> None:
    headers = {**SIGNED, "Content-Type": "Application/JSON; charset=UTF-8"}
    assert (await client.post("t.a.write", data=b'{"text": "a"}', headers=headers))[0] == 200


def of_size(size: int) -> bytes:
    return orjson.dumps({"text": "x" * (size - len('{"text":""}'))})


async def slowly(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 50_000):
        yield data[start : start + 50_000]
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("nsid", "limit"), [("t.a.write", 153_600), ("com.atproto.repo.createRecord", 1_000_000)]
)
async def test_a_body_over_the_limit_is_too_large_however_it_is_sent(
    client: Client, nsid: str, limit: int
) -> None:
    headers = {**JSON, **SIGNED}
    assert (await client.post(nsid, data=BytesIO(of_size(limit)), headers=headers))[0] == 200
    over = of_size(limit + 1)
    assert (await client.post(nsid, data=BytesIO(over), headers=headers))[0] == 413
    status, body, _ = await client.post(nsid, data=slowly(over), headers=headers)
    assert (status, body["error"]) == (413, "PayloadTooLarge")
    packed = {**headers, "Content-Encoding": "gzip"}
    assert (await client.post(nsid, data=gzip.compress(over), headers=packed))[0] == 413
    assert (await client.post(nsid, data=gzip.compress(of_size(limit)), headers=packed))[0] == 200


PACKED = gzip.compress(b'{"text": "a"}', mtime=0)


@pytest.mark.parametrize(
    ("encoding", "data", "status"),
    [
        ("gzip", PACKED, 200),
        ("deflate", zlib.compress(b'{"text": "a"}'), 200),
        ("identity", b'{"text": "a"}', 200),
        ("br", b'{"text": "a"}', 415),
        ("zstd", b'{"text": "a"}', 415),
        ("gzip", PACKED[:-9], 400),
        ("gzip", PACKED[:12] + b"garbage!" * 4, 400),
        ("gzip", PACKED + b"more", 400),
        ("gzip", b"garbage", 400),
        ("gzip", b"\x1f", 400),
    ],
)
async def test_compressed_bodies_are_read_or_refused(
    client: Client, encoding: str, data: bytes, status: int
) -> None:
    headers = {**JSON, **SIGNED, "Content-Encoding": encoding}
    assert (await client.post("t.a.write", data=data, headers=headers))[0] == status


async def test_an_empty_stream_is_a_body_where_its_sender_says_so(client: Client) -> None:
    headers = {"Content-Type": "image/png", "Content-Length": "0"}
    assert (await client.post("t.a.upload", data=b"", headers=headers))[1] == {"size": 0}
    headers = {**JSON, **SIGNED, "Content-Length": "0"}
    assert (await client.post("t.a.write", data=b"", headers=headers))[0] == 400


async def test_a_stream_comes_decompressed(client: Client) -> None:
    data = b"blob" * 200_000
    headers = {"Content-Type": "image/png"}
    assert (await client.post("t.a.upload", data=data, headers=headers))[1] == {"size": 800_000}
    headers["Content-Encoding"] = "gzip"
    packed = gzip.compress(data)
    assert (await client.post("t.a.upload", data=packed, headers=headers))[1] == {"size": 800_000}
    assert (await client.post("t.a.upload", data=packed[:-20], headers=headers))[0] == 400


async def test_a_stream_has_to_say_what_it_is(client: Client) -> None:
    assert (await client.post("t.a.upload", data=b"x"))[0] == 400
    wrong = {"Content-Type": "application/zip"}
    assert (await client.post("t.a.car", data=b"x", headers=wrong))[0] == 400
    right = {"Content-Type": "application/vnd.ipld.car"}
    assert (await client.post("t.a.car", data=b"x", headers=right))[0] == 200


@pytest.mark.parametrize("limit", ["BODY_SECONDS", "IDLE_SECONDS"])
async def test_a_body_that_comes_too_slowly_is_dropped(
    client: Client, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"appliance.atproto.xrpc.bodies.{limit}", 0.05)

    answered = asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await answered.wait()
        yield b"}"

    async with asyncio.timeout(60):
        status, *_ = await client.post("t.a.write", data=drip(), headers={**JSON, **SIGNED})
    answered.set()
    assert status == 408


@pytest.mark.parametrize("nsid", ["t.a.upload", "com.atproto.repo.createRecord"])
async def test_a_body_with_broken_framing_is_the_fault_of_the_client(
    client: Client, nsid: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.atproto.xrpc.bodies.IDLE_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(
        f"POST /xrpc/{nsid} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()
    )
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"nonsense\r\n\r\n")
    assert b" 4" in await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    await writer.wait_closed()
    assert "method failed" not in caplog.text


async def test_a_client_that_leaves_midway_is_no_crash(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(
        b"POST /xrpc/t.a.upload HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        b"Content-Length: 1000000\r\n\r\nhello"
    )
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert not caplog.records
