from typing import Any

import pytest
from aiohttp import StreamReader, web

from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.errors import UnknownLexicon
from appliance.atproto.syntax import AtIdentifier, Did, Nsid, RecordKey
from appliance.atproto.xrpc.methods import HandlerMismatch, MethodTable, arguments, snake_case

GET_RECORD = "com.atproto.repo.getRecord"
CID_TEXT = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"


async def caller(role: object, request: web.Request) -> str:
    return "caller"


def test_a_handler_whose_arguments_are_the_fields_is_taken() -> None:
    methods: MethodTable[object] = MethodTable()

    @methods.query(GET_RECORD)
    async def get_record(
        role: object, *, repo: AtIdentifier, collection: Nsid, rkey: RecordKey, cid: Cid | None
    ) -> None: ...

    assert methods.methods[GET_RECORD].handler is get_record


def test_a_missing_field_is_named() -> None:
    methods: MethodTable[object] = MethodTable()
    with pytest.raises(HandlerMismatch, match="lacks the field 'cid'"):

        @methods.query(GET_RECORD)
        async def get_record(
            role: object, *, repo: str, collection: Nsid, rkey: RecordKey
        ) -> None: ...


def test_a_field_too_many_is_named() -> None:
    methods: MethodTable[object] = MethodTable()
    with pytest.raises(HandlerMismatch, match="has no field 'colection'"):

        @methods.query("com.atproto.sync.getLatestCommit")
        async def get_latest_commit(role: object, *, did: Did, colection: str) -> None: ...


def test_a_caller_is_asked_for_exactly_when_there_is_auth() -> None:
    methods: MethodTable[object] = MethodTable()
    with pytest.raises(HandlerMismatch, match="role, caller"):

        @methods.query("com.atproto.server.getSession", auth=caller)
        async def get_session(role: object) -> None: ...

    with pytest.raises(HandlerMismatch, match=r"\(role, \*"):

        @methods.query("com.atproto.server.describeServer")
        async def describe_server(role: object, caller: str) -> None: ...


def test_wrong_kinds_doubles_and_unknown_methods_are_refused() -> None:
    methods: MethodTable[object] = MethodTable()
    with pytest.raises(HandlerMismatch, match="is a query, not a procedure"):
        methods.procedure(GET_RECORD)
    with pytest.raises(UnknownLexicon):
        methods.query("com.example.nothing")

    @methods.query("com.atproto.server.describeServer")
    async def describe_server(role: object) -> None: ...

    with pytest.raises(HandlerMismatch, match="twice"):
        methods.query("com.atproto.server.describeServer")


def test_a_handler_that_is_not_async_is_refused() -> None:
    methods: MethodTable[object] = MethodTable()

    def describe_server(role: object) -> Any: ...

    with pytest.raises(HandlerMismatch, match="async"):
        methods.query("com.atproto.server.describeServer")(describe_server)


def test_a_body_that_is_not_json_comes_as_a_stream_and_the_request_when_asked() -> None:
    methods: MethodTable[object] = MethodTable()

    @methods.procedure("com.atproto.repo.uploadBlob", auth=caller)
    async def upload_blob(
        role: object, who: str, *, body: StreamReader, request: web.Request
    ) -> None: ...

    method = methods.methods["com.atproto.repo.uploadBlob"]
    assert (method.wants_body, method.wants_request, method.fields) == (True, True, ())


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("swapCommit", "swap_commit"),
        ("did", "did"),
        ("from", "from_"),
        ("includeTakedowns", "include_takedowns"),
        ("q", "q"),
        ("isGood2Go", "is_good2_go"),
    ],
)
def test_names_are_written_the_python_way(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_values_are_parsed_by_their_format_and_absent_ones_are_none() -> None:
    methods: MethodTable[object] = MethodTable()

    @methods.procedure("com.atproto.repo.deleteRecord")
    async def delete_record(
        role: object,
        *,
        repo: AtIdentifier,
        collection: Nsid,
        rkey: RecordKey,
        swap_record: Cid | None,
        swap_commit: Cid | None,
    ) -> None: ...

    fields = methods.methods["com.atproto.repo.deleteRecord"].fields
    values = {
        "repo": "did:web:a.test",
        "collection": "app.bsky.feed.post",
        "rkey": "self",
        "swapRecord": CID_TEXT,
    }
    found = arguments(fields, values)
    assert found["swap_record"] == Cid.parse(CID_TEXT)
    assert found["swap_commit"] is None
    assert isinstance(found["repo"], Did)
    assert isinstance(found["collection"], Nsid)


def test_a_default_of_the_handler_tells_an_absent_field_from_a_null_one() -> None:
    methods: MethodTable[object] = MethodTable()

    @methods.procedure("com.atproto.repo.putRecord")
    async def put_record(
        role: object,
        *,
        repo: AtIdentifier,
        collection: Nsid,
        rkey: RecordKey,
        validate: bool | None,
        record: Any,
        swap_record: Cid | None | str = "absent",
        swap_commit: Cid | None,
    ) -> None: ...

    fields = methods.methods["com.atproto.repo.putRecord"].fields
    values = {"repo": "a.test", "collection": "a.b.c", "rkey": "x", "record": {}}
    assert "swap_record" not in arguments(fields, values)
    assert arguments(fields, {**values, "swapRecord": None})["swap_record"] is None
