"""Exports made ready to be sent."""

import gzip
import os
from pathlib import Path

import pytest

from appliance.web_client.addresses import Own, Replacement
from appliance.web_client.edition import Edition, NoExport

OWN = Own("https://app.smith.home", "https://smith.home", "The Smiths", links_lead_here=True)
PAGE = '<head></head><script src="static/js/main.0123abcd.js"></script>'
SCRIPT = 'fetch("https://public.api.bsky.app/xrpc/_health");' + "//" * 1024


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "static" / "js").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "static" / "js" / "main.0123abcd.js").write_text(SCRIPT)
    (folder / "static" / "font.0123abcdef.woff2").write_bytes(b"font")
    return folder


def edition(export: Path, own: Own = OWN) -> Edition:
    return Edition.open(export, export.parent / "cache", Replacement(own))


def test_scripts_and_pages_are_sent_as_they_were_made(export: Path) -> None:
    made = edition(export)
    script = made.assets["static/js/main.0123abcd.js"].path
    assert script.read_text().startswith('fetch("https://app.smith.home/xrpc/_health")')
    packed = script.with_name(script.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == script.read_bytes()
    assert '<base href="/">' in made.front.path.read_text()
    assert (export / "static" / "js" / "main.0123abcd.js").read_text() == SCRIPT


def test_what_does_not_change_is_sent_from_the_export(export: Path) -> None:
    font = edition(export).assets["static/font.0123abcdef.woff2"]
    assert font.path == export.resolve() / "static" / "font.0123abcdef.woff2"
    assert font.content_type == "font/woff2"
    assert font.is_kept


def test_a_script_is_never_kept_by_its_name_alone(export: Path) -> None:
    # Its name tells what the export held, not what was put into it.
    assert not edition(export).assets["static/js/main.0123abcd.js"].is_kept


def test_an_edition_is_made_once(export: Path) -> None:
    first = edition(export).front.path
    before = first.stat().st_mtime_ns
    assert edition(export).front.path.stat().st_mtime_ns == before


def test_other_addresses_and_another_export_make_a_new_edition(export: Path) -> None:
    first = edition(export).front.path
    moved = Own("https://b.example", OWN.pds, OWN.network, links_lead_here=True)
    second = edition(export, moved).front.path
    assert second != first
    # The last one is still being sent to somebody, until its turn is over.
    assert first.exists()
    os.utime(export / "index.html", (1, 1))
    last = edition(export, moved)
    assert last.front.path != second
    last.forget_others()
    assert [last.front.path.parent] == list((export.parent / "cache").iterdir())


def test_an_edition_that_was_never_finished_is_not_used(export: Path) -> None:
    cache = export.parent / "cache"
    (cache / "draft-abc").mkdir(parents=True)
    made = edition(export)
    made.forget_others()
    assert made.front.path.is_file()
    assert not (cache / "draft-abc").exists()


def test_a_link_that_leads_out_is_not_listed(export: Path) -> None:
    secret = export.parent / "secret.txt"
    secret.write_text("secret")
    (export / "static" / "secret.txt").symlink_to(secret)
    (export / "static" / "again.js").symlink_to(export / "static" / "js" / "main.0123abcd.js")
    (export / ".env").write_text("secret")
    assert sorted(edition(export).assets) == [
        "index.html",
        "static/again.js",
        "static/font.0123abcdef.woff2",
        "static/js/main.0123abcd.js",
    ]


def test_a_folder_without_a_client_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(NoExport):
            edition(folder)
