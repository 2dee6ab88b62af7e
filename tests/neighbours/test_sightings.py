"""The table that strangers write."""

import pytest

from appliance.neighbours.sightings import MOST, MOST_FROM_ONE_ADDRESS, MOST_PLACES, Sightings
from tests.support.clock import FakeClock

OWN, FRIEND = "0" * 64, "f" * 64


class Window:
    """What one house sees."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = Sightings(OWN, lambda key: key == FRIEND, self.clock.now)

    def saw(self, number: int, address: str = "192.168.1.7", name: str = "Jones") -> bool:
        return self.table.saw(f"{number:064x}", name, "did:web:jones.home", address, 2590)


@pytest.fixture
def window() -> Window:
    return Window()


def test_a_house_is_known_by_its_key_and_two_of_one_name_are_two(window: Window) -> None:
    assert window.saw(1, "192.168.1.7")
    assert window.saw(2, "192.168.1.8")
    assert [one.name for one in window.table.all()] == ["Jones", "Jones"]


@pytest.mark.parametrize(
    ("key", "address", "port"),
    [
        ("", "192.168.1.7", 2590),
        ("F" * 64, "192.168.1.7", 2590),
        ("a" * 63, "192.168.1.7", 2590),
        (OWN, "192.168.1.7", 2590),
        ("a" * 64, "8.8.8.8", 2590),
        ("a" * 64, "127.0.0.1", 2590),
        ("a" * 64, "::1", 2590),
        ("a" * 64, "2606:4700::1", 2590),
        ("a" * 64, "router", 2590),
        ("a" * 64, "192.168.1.7", 0),
        ("a" * 64, "192.168.1.7", 70_000),
    ],
)
def test_what_is_no_house_nearby_is_not_taken(
    window: Window, key: str, address: str, port: int
) -> None:
    assert not window.table.saw(key, "Jones", "did:web:jones.home", address, port)
    assert (window.table.all(), window.table.dropped) == ([], 1)


def test_one_address_shows_a_few_and_all_together_so_many(window: Window) -> None:
    taken = [window.saw(number) for number in range(1, 20)]
    assert taken.count(True) == MOST_FROM_ONE_ADDRESS
    for number in range(1000):
        window.saw(5000 + number, f"10.0.{number // 4 // 250}.{number // 4 % 250 + 1}")
        window.clock.advance(0.1)
    assert len(window.table.all()) == MOST


def test_a_friend_has_a_place_however_many_there_are(window: Window) -> None:
    for number in range(1000):
        window.saw(5000 + number, f"10.0.{number // 4 // 250}.{number // 4 % 250 + 1}")
    assert window.table.saw(FRIEND, "Jones", "", "10.0.0.1", 2590)
    for number in range(1000):
        window.saw(90_000 + number, f"10.1.{number // 4 // 250}.{number // 4 % 250 + 1}")
    assert window.table.find(FRIEND) is not None


def test_whoever_says_he_is_another_adds_a_place_and_takes_none(window: Window) -> None:
    assert window.saw(1, "192.168.1.7")
    for number in range(50):
        window.saw(1, f"192.168.2.{number + 1}", "Impostor")
    [one] = window.table.all()
    assert one.name == "Jones"
    assert one.places[0] == ("192.168.1.7", 2590)
    assert len(one.places) == MOST_PLACES
    window.table.wrong(one.key, ("192.168.2.1", 2590))
    assert window.saw(1, "192.168.3.1")


def test_a_place_that_is_wrong_is_forgotten_and_the_last_with_the_house(window: Window) -> None:
    window.saw(1)
    window.table.wrong(f"{1:064x}", ("192.168.1.7", 2590))
    assert window.table.all() == []


def test_a_farewell_counts_after_a_while_unless_the_house_is_still_there(window: Window) -> None:
    window.saw(1)
    window.table.lost(f"{1:064x}")
    assert len(window.table.all()) == 1
    window.clock.advance(100)
    window.saw(1)
    window.clock.advance(100)
    assert len(window.table.all()) == 1
    window.table.lost(f"{1:064x}")
    window.clock.advance(121)
    assert window.table.all() == []


def test_what_is_shown_is_plain_text_of_one_line(window: Window) -> None:
    window.table.saw("a" * 64, "A\u202eB\n\x00 \u200bC" + "x" * 500, "no did", "10.0.0.1", 1)
    [one] = window.table.all()
    assert one.name.startswith("A B")
    assert len(one.name) <= 60
    assert one.name.isprintable()
    assert one.did == ""
