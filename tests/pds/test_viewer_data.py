"""What an AppView keeps of a member, on its way into their archive."""

import json
import tracemalloc

import pytest

from appliance.pds import viewer_data
from appliance.pds.viewer_data import ViewerData
from tests.support.pds_box import Box, Member


async def test_lists_of_any_length_are_in_memory_page_by_page(
    box: Box, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_data, "MOST_PAGES", 12)
    page = [{"uri": "x" * 10_000} for _ in range(20)]
    names = ("mutes", "lists", "bookmarks", "drafts", "subscriptions")
    box.appview.body = json.dumps(dict.fromkeys(names, page) | {"cursor": "on"}).encode()
    tray = box.pds.exports.tray
    tracemalloc.start()
    try:
        found = await ViewerData(box.pds.proxy, box.pds.appview_choices, tray).documents(alice.did)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tray.in_files > 5 * 12 * 20 * 10_000
    # Two pages, read and parsed, and what the stub that answers holds of each.
    assert peak < 8_000_000
    for name, file in found.items():
        with file:
            document = json.loads(file.read())
        if name != "private/notifications.json":
            assert document == page * 12, name
    assert (tray.in_memory, tray.in_files) == (0, 0)


async def test_an_empty_list_is_one_and_what_is_no_list_is_left_out(
    box: Box, alice: Member
) -> None:
    box.appview.body = json.dumps({"mutes": [], "bookmarks": {}, "drafts": [1, "\ud800"]}).encode()
    pds = box.pds
    found = await ViewerData(pds.proxy, pds.appview_choices, pds.exports.tray).documents(alice.did)
    assert found["private/mutes.json"].read() == b"[]"
    assert json.loads(found["private/drafts.json"].read()) == [1, "?"]
    assert "private/bookmarks.json" not in found
