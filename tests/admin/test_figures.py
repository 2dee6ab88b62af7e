"""What figures of days become: charts without gaps, and a forecast."""

from appliance.admin.figures import Days, Forecast, Point, forecast
from tests.support.panel_house import House

GB = 10**9


def used(*sizes: int, free: int = 100 * GB) -> Days:
    points = [Point(f"2026-11-{day + 1:02}", size) for day, size in enumerate(sizes)]
    return Days(used=points, free=free)


def test_a_forecast_needs_a_week() -> None:
    assert forecast(Days()) is None
    assert forecast(used(*range(7))) is None
    assert forecast(used(*range(8))) is not None


def test_a_forecast_goes_on_as_until_now() -> None:
    growing = used(*(day * GB for day in range(11)))
    assert forecast(growing) == Forecast(GB, 375 * GB, 100)


def test_what_shrank_is_not_expected_to_shrink_on() -> None:
    shrunk = used(9 * GB, *([GB] * 9))
    assert forecast(shrunk) == Forecast(0, GB, None)


async def test_the_storage_page_tells_kinds_people_and_what_happens_when_it_is_full(
    house: House,
) -> None:
    owner = await house.claim()
    bob = await house.box.sign_up("bob")
    empty = await owner.get("/storage")
    assert empty.status == 200
    path = "/xrpc/com.atproto.repo.uploadBlob"
    headers = {"Content-Type": "text/plain"}
    await house.box.ask("POST", path, token=bob.access, data=b"x" * 500_000, headers=headers)
    await house.box.pds.figures.take()
    seen = await owner.get("/storage")
    assert "Pictures and videos 500 kB" in seen.words
    assert "@bob.test 0 records, 0 B · pictures 500 kB 500 kB" in seen.words
    assert "It is too early to say." in seen.words
    assert "On a full disk nothing is damaged" in seen.words
    for _ in range(9):
        house.clock.advance(86_400)
        await house.box.pds.figures.take()
    later = await house.visitor_signed_in()
    seen = await later.get("/storage")
    assert "too early" not in seen.words
    assert "Used by day" in seen.words
