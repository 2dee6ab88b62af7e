"""Settings as text: the file in the data directory, and the table in the README."""

import os
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from appliance.base.logs import redact
from appliance.base.sizes import size_in_words
from appliance.settings import (
    Declaration,
    Settings,
    changed,
    check_ports,
    declarations,
    defaults,
    load,
    load_in,
    value_of,
)
from appliance.settings_groups import Mode, Value


def save(settings: Settings) -> None:
    """Write the settings file whole and at once; a crash leaves the old one or the new one."""
    path = settings.paths.settings_file
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".hearth-", delete=False
    ) as file:
        file.write(as_toml(settings))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def change(data: Path, values: Mapping[str, object]) -> bool:
    """Write some settings to the file; tell whether anything differs from before.

    What nobody has set follows the mode. Raises InvalidSettings, with nothing written.
    """
    before = load(data, {})
    after = _rebased(before, values)
    check_ports(after)
    save(after)
    return after != before


def _rebased(stored: Settings, values: Mapping[str, object]) -> Settings:
    mode = stored.with_values(
        {"network.mode": values.get("network.mode", stored.network.mode)}
    ).network.mode
    own = dict(changed(stored))
    # Identities that were made inside are still asked for there, and handed on from there.
    kept: dict[str, object] = {"directory.enabled": True} if stored.directory.enabled else {}
    wanted = {**own, **kept, "network.mode": mode, **values}
    return defaults(mode, stored.paths.data).with_values(wanted)


@dataclass(frozen=True)
class Described:
    """A setting as the file has it; `text` is TOML, without passwords, `size` as people read it."""

    name: str
    text: str
    changed: bool
    help: str
    size: str = ""


def described(data: Path, mode: Mode | None = None) -> list[Described]:
    """List every setting of a data folder, in a mode if not in its own. Raises InvalidSettings."""
    settings = load_in(data, mode)
    own = dict(changed(settings))
    return [
        Described(
            each.name,
            redact(_toml(_value(settings, each.name))),
            each.name in own,
            each.help_in_file,
            size_of(settings, each),
        )
        for each in declarations()
    ]


def size_of(settings: Settings, each: Declaration) -> str:
    """Write a number of bytes as people read it; nothing of what is none, or 0."""
    value = value_of(settings, each.name)
    return size_in_words(value) if each.is_size and isinstance(value, int) and value else ""


def as_toml(settings: Settings) -> str:
    """Write settings as TOML, each help text above its value; those unchanged as comments."""
    unchanged = defaults(settings.network.mode, settings.paths.data)
    lines = ["# Settings of this Hearth. Those with a # before them have their default value."]
    group = ""
    for each in declarations():
        before, group = group, each.name.partition(".")[0]
        if group != before:
            lines += ["", f"[{group}]"]
        value = _value(settings, each.name)
        key = each.name.partition(".")[2]
        mark = "#" if value == _value(unchanged, each.name) and key != "mode" else ""
        lines += textwrap.wrap(
            each.help_in_file,
            96,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
        )
        lines.append(f"{mark}{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Write the table of all settings for the README."""
    lines = ["| setting | default | public mode | dev mode | meaning |", "|---|---|---|---|---|"]
    for each in declarations():
        home, *others = (each.defaults[mode] for mode in ("home", "public", "dev"))
        cells = " | ".join("" if value == home else f"`{_toml(value)}`" for value in others)
        lines.append(f"| `{each.name}` | `{_toml(home)}` | {cells} | {each.help_in_file} |")
    return "\n".join(lines) + "\n"


def _value(settings: Settings, name: str) -> Value:
    group, _, key = name.partition(".")
    value: Value = getattr(getattr(settings, group), key)
    return value


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    # JSON texts and numbers are TOML, but for one character.
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
