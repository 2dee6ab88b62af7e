"""Signatures of releases, and minisign's own program as a referee."""

import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from appliance.updates.signatures import NotSigned, PublisherKey, TrustedKeys

CONTENT = b"what is signed\n"
KEY = PublisherKey.generate()
TRUSTED = TrustedKeys.parse(KEY.public_text)


def test_a_signature_vouches_for_content_and_comment() -> None:
    assert TRUSTED.check(CONTENT, KEY.sign(CONTENT, "made today")) == "made today"


def test_a_secret_key_is_read_as_it_was_written() -> None:
    assert PublisherKey.parse(KEY.secret_text) == KEY


def test_one_of_several_keys_is_enough() -> None:
    other = PublisherKey.generate()
    both = TrustedKeys.parse(other.public_text + KEY.public_text)
    both.check(CONTENT, KEY.sign(CONTENT, ""))
    both.check(CONTENT, other.sign(CONTENT, ""))


def test_any_changed_byte_of_content_or_signature_is_noticed() -> None:
    signature = KEY.sign(CONTENT, "made today")
    for place in range(len(CONTENT)):
        with pytest.raises(NotSigned):
            TRUSTED.check(CONTENT[:place] + b"X" + CONTENT[place + 1 :], signature)
    with pytest.raises(NotSigned):
        TRUSTED.check(CONTENT, signature.replace("made today", "made later"))
    lines = signature.splitlines()
    for number in (1, 3):
        raw = bytearray(b64decode(lines[number]))
        for place in range(0, len(raw), 7):
            changed = raw.copy()
            changed[place] ^= 1
            forged = [*lines]
            forged[number] = b64encode(changed).decode()
            with pytest.raises(NotSigned):
                TRUSTED.check(CONTENT, "\n".join(forged))


@pytest.mark.parametrize(
    "signature",
    ["", "untrusted comment: x", "a\nb\nc\nd", "untrusted comment: x\n\ntrusted comment: x\n!"],
)
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(NotSigned):
        TRUSTED.check(CONTENT, signature)


def test_a_stranger_s_signature_is_refused_whatever_name_its_key_has() -> None:
    stranger = PublisherKey(KEY.name, PublisherKey.generate().seed)
    with pytest.raises(NotSigned, match="does not fit"):
        TRUSTED.check(CONTENT, stranger.sign(CONTENT, ""))
    with pytest.raises(NotSigned, match="not of a key that is trusted"):
        TRUSTED.check(CONTENT, PublisherKey.generate().sign(CONTENT, ""))


@pytest.mark.parametrize("text", ["", "untrusted comment: nothing\n", "AAAA", "\u00e9"])
def test_no_key_is_trusted_where_none_can_be_read(text: str) -> None:
    with pytest.raises(NotSigned):
        TrustedKeys.parse(text)


@pytest.mark.slow
def test_minisign_believes_our_signatures_and_we_believe_its(tmp_path: Path) -> None:
    def minisign(*args: str) -> None:
        command = shutil.which("minisign")
        assert command, "apt install minisign"
        subprocess.run([command, *args], cwd=tmp_path, check=True, capture_output=True, timeout=300)  # noqa: S603

    (tmp_path / "file").write_bytes(CONTENT)
    minisign("-G", "-W", "-p", "theirs.pub", "-s", "theirs.key")
    theirs = PublisherKey.parse((tmp_path / "theirs.key").read_text())
    (tmp_path / "ours.pub").write_text(KEY.public_text)
    (tmp_path / "ours.key").write_text(KEY.secret_text)
    for name, key in (("ours", KEY), ("theirs", theirs)):
        (tmp_path / "file.minisig").write_text(key.sign(CONTENT, "by us"))
        minisign("-V", "-p", f"{name}.pub", "-m", "file")
        minisign("-S", "-s", f"{name}.key", "-m", "file", "-t", "by them")
        trusted = TrustedKeys.parse((tmp_path / f"{name}.pub").read_text())
        assert trusted.check(CONTENT, (tmp_path / "file.minisig").read_text()) == "by them"
