"""Which codec serves: the one in C where it is installed, else the one in Python."""

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import pytest

from appliance.atproto import cbor, cbor_python
from appliance.atproto.cbor import InvalidCbor
from appliance.atproto.cid import Cid

LINK = Cid.for_block(b"\xa0")


def test_the_c_codec_is_used_where_it_is_installed() -> None:
    assert ("cbrrr" if find_spec("cbrrr") else "python") == cbor.IMPLEMENTATION


def test_without_the_c_codec_the_python_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cbrrr", None)
    spec = spec_from_file_location("cbor_without_cbrrr", cbor.__file__)
    assert spec is not None
    assert spec.loader is not None
    plain = module_from_spec(spec)
    spec.loader.exec_module(plain)
    assert plain.IMPLEMENTATION == "python"
    assert plain.decode_json is None
    assert plain.decode(plain.encode({"a": LINK})) == {"a": LINK}
    assert plain.decode_prefix(b"\x01\x02", 1) == (2, 2)


def test_what_is_known_to_be_shallow_is_written_the_same() -> None:
    node = {"l": None, "e": [{"k": b"key", "p": 0, "t": LINK, "v": LINK}] * 30}
    assert cbor.encode_shallow(node) == cbor_python.encode(node)
    with pytest.raises(InvalidCbor):
        cbor.encode_shallow({"a": object()})
