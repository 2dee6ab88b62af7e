"""The owner's colour on our pages: readable on our ground in light and dark, by contrast.

Contrast as WCAG 2 measures it: 4.5 is asked for. A colour that falls short is moved towards black
or white until it does not.
"""

import re
from typing import Final, TypeAlias

Colour: TypeAlias = tuple[float, float, float]

ENOUGH: Final = 4.5
LIGHT_GROUNDS: Final = ("#f7f2ea", "#fffdf9")
DARK_GROUNDS: Final = ("#181512", "#221e1a")
_PARTS: Final = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_HEX: Final = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def parse(text: str) -> Colour:
    """Read "#a2461f", "#a41" or "rgb(162, 70, 31)" as parts from 0 to 1. Raises ValueError."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is not None:
        red, green, blue = (min(int(part), 255) / 255 for part in parts.groups())
        return red, green, blue
    found = _HEX.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a colour such as #a2461f: {text!r}")
    digits = found[1] if len(found[1]) == 6 else "".join(each * 2 for each in found[1])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def written(colour: Colour) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def contrast(one: Colour, other: Colour) -> float:
    """How well one colour reads on another: 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on a colour."""
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return max(black, white, key=lambda ink: contrast(ink, colour))


def readable(colour: Colour, grounds: tuple[str, ...]) -> Colour:
    """The colour, or the nearest shade of it that reads on all of these grounds."""
    parsed = [parse(ground) for ground in grounds]
    ink = ink_on(parsed[0])
    for step in range(51):
        shade = _mix(colour, ink, step / 50)
        if all(contrast(shade, ground) >= ENOUGH for ground in parsed):
            return shade
    return ink


def stylesheet(primary: str) -> str:
    """The properties that differ from our own for this colour. Raises ValueError."""
    colour = parse(primary)
    light, dark = readable(colour, LIGHT_GROUNDS), readable(colour, DARK_GROUNDS)
    rules = ":root {" + _properties(light, LIGHT_GROUNDS[1], 0.88) + "}\n"
    return (
        rules
        + "@media (prefers-color-scheme: dark) { :root {"
        + _properties(dark, DARK_GROUNDS[1], 0.8)
        + "} }\n"
    )


def look_files(primary: str) -> dict[str, bytes]:
    """The stylesheet that the owner's colour adds to our pages, if there is one."""
    return {"look.css": stylesheet(primary).encode()} if primary else {}


def _properties(accent: Colour, ground: str, softness: float) -> str:
    soft = _mix(accent, parse(ground), softness)
    for step in range(21):
        if contrast(accent, soft) >= ENOUGH:
            break
        soft = _mix(soft, parse(ground), step / 20)
    values = {"accent": accent, "accent-ink": ink_on(accent), "accent-soft": soft}
    return " ".join(f"--{name}: {written(value)};" for name, value in values.items())


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
