"""What was taken of an account, in a folder or in a ZIP file."""

import zipfile
from pathlib import Path

import pytest

from appliance.moving import folder as folder_module
from appliance.moving.folder import (
    BLOBS,
    Folder,
    Zip,
    blob_name,
    blob_names,
    mime_types,
    pack,
    pieces,
)
from appliance.moving.giving import whose
from appliance.moving.trouble import Trouble

CID = "bafkreifb65wzkskevjn263kzzpbtpe2dfrvo3dftbc2zlykqkwu6g4mfw4"


def filled(path: Path) -> Folder:
    folder = Folder(path)
    folder.write("account.json", {"did": "did:plc:abc", "handle": "ann.test"})
    folder.write("private/mutes.json", [{"did": "did:plc:def"}])
    folder.write(BLOBS, [{"cid": CID, "mimeType": "image/png"}])
    (path / "repo.car").write_bytes(b"car")
    (path / "blobs").mkdir()
    (path / blob_name(CID, "image/png")).write_bytes(b"png" * 200_000)
    (path / "export.journal.json").write_text("{}")
    (path / "blobs" / ".half.new").write_bytes(b"half")
    return folder


def test_a_packed_folder_says_what_the_folder_says(tmp_path: Path) -> None:
    folder = filled(tmp_path / "one")
    pack(folder, tmp_path / "one.zip")
    packed = Zip(tmp_path / "one.zip")
    assert set(folder.names()) - set(packed.names()) == {"export.journal.json"}
    assert "blobs/.half.new" not in folder.names()
    for holdings in (folder, packed):
        assert whose(holdings)["handle"] == "ann.test"
        assert holdings.read("private/mutes.json") == [{"did": "did:plc:def"}]
        assert holdings.read("private/drafts.json") is None
        assert blob_names(holdings) == {CID: f"blobs/{CID}.png"}
        assert mime_types(holdings) == {CID: "image/png"}
        name = blob_name(CID, "image/png")
        assert holdings.size(name) == 600_000
        assert b"".join(pieces(holdings.open(name))) == b"png" * 200_000


def test_a_medium_without_an_ending_has_none() -> None:
    assert blob_name(CID, "application/x-nothing-known") == f"blobs/{CID}"


def test_what_holds_no_account_is_told_in_a_line(tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    with pytest.raises(Trouble, match="cannot be read"):
        Zip(text)
    with pytest.raises(Trouble, match="no whole account"):
        whose(Folder(tmp_path))
    (tmp_path / "account.json").write_text("{")
    with pytest.raises(Trouble, match="damaged"):
        Folder(tmp_path).read("account.json")


def test_a_document_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MOST_DOCUMENT_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("account.json", "[" + " " * 1_000_000 + "]")
    with pytest.raises(Trouble, match="1000002 bytes"):
        Zip(tmp_path / "a.zip").read("account.json")
