"""The owner's colour stays readable, whatever it is."""

import re

import pytest

from appliance.base import look

COLOURS = [
    "rgb(0, 133, 255)",
    "#000",
    "#fff",
    "#ffff00",
    "#a2461f",
    "#0085ff",
    "#7f7f7f",
    "#00ff00",
    "#010101",
]


@pytest.mark.parametrize("colour", COLOURS)
def test_any_colour_becomes_one_that_reads_on_our_ground(colour: str) -> None:
    css = look.stylesheet(colour)
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in css.split("@media")
    )
    for found, grounds in ((light, look.LIGHT_GROUNDS), (dark, look.DARK_GROUNDS)):
        accent = look.parse(found["accent"])
        for ground in (*grounds, found["accent-soft"]):
            assert look.contrast(accent, look.parse(ground)) >= 4.4, (found, ground)
        assert look.contrast(accent, look.parse(found["accent-ink"])) >= look.ENOUGH


def test_a_colour_that_reads_is_left_as_it_is() -> None:
    assert "--accent: #a2461f; --accent-ink: #ffffff" in look.stylesheet("#A2461F")


def test_contrast_is_that_of_the_standard() -> None:
    black, white = look.parse("#000"), look.parse("#fff")
    assert look.contrast(black, white) == pytest.approx(21)
    assert look.contrast(look.parse("#777777"), white) == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("text", ["", "red", "#12", "#12345g", "#fff; } body { color: red"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a colour"):
        look.stylesheet(text)
