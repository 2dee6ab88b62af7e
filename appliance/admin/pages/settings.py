"""Every setting that is not asked by the wizard, each as it is declared, with its help."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from aiohttp import web

from appliance.admin.visit import Visit
from appliance.base.sizes import read_size, size_in_words
from appliance.settings import Declaration, InvalidSettings, Settings, declarations

# The wizard asks for these, which belong together; or they hold a password, or are not for service.
_ELSEWHERE: Final = frozenset(
    (
        *("network.name", "network.mode", "network.handle_domains", "network.trusted_proxies"),
        *("pds.hostname", "pds.public_url", "backup.target", "smtp.url"),
    )
)
_GROUPS_ELSEWHERE: Final = ("door", "dev")


@dataclass(frozen=True)
class Field:
    """A setting as the page shows it; `kind`: switch, number, size, choice, list or text."""

    name: str
    kind: str
    help: str
    value: Any
    choices: tuple[str, ...] = ()
    error: str = ""


async def show(visit: Visit) -> web.Response:
    """Show the groups, one of them open."""
    return _page(visit, visit.query("open"), visit.query("done"), {}, {})


async def save(visit: Visit) -> web.Response:
    """Write the settings of one group; they hold at once."""
    group = visit.place("group")
    shown = [each for each in _shown() if each.name.startswith(f"{group}.")]
    if not shown:
        visit.not_found()
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for each in shown:
        try:
            values[each.name] = _read(visit, each)
        except ValueError:
            errors[each.name] = visit.words("settings.size" if each.is_size else "settings.number")
    if not errors:
        try:
            changed = await visit.panel.desk.change(values)
        except InvalidSettings as bad:
            errors = _explained(str(bad), shown)
        else:
            return await _changed(visit, group, values) if changed else _go(visit, group)
    typed = {each.name: visit.long_text(each.name) for each in shown}
    return _page(visit, group, "", typed, errors)


async def _changed(visit: Visit, group: str, values: Mapping[str, object]) -> web.Response:
    await visit.panel.acts.note("panel.changeSettings", values)
    return visit.go_anew(f"/settings?open={group}&done={group}#{group}")


def _go(visit: Visit, group: str) -> web.Response:
    return visit.go(f"/settings?open={group}&done={group}#{group}")


def _shown() -> Iterator[Declaration]:
    for each in declarations():
        group = each.name.partition(".")[0]
        if each.name not in _ELSEWHERE and group not in _GROUPS_ELSEWHERE:
            yield each


def _read(visit: Visit, each: Declaration) -> object:
    """Read what was filled in for a setting. Raises ValueError."""
    text = visit.long_text(each.name)
    if each.kind is bool:
        return text == "yes"
    if each.is_size:
        return read_size(text)
    if each.kind is int:
        if not (text.isascii() and text.isdecimal() and len(text) < 16):
            raise ValueError(text)
        return int(text)
    if get_origin(each.kind) is tuple:
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    return text


def _explained(problem: str, shown: list[Declaration]) -> dict[str, str]:
    """Find the setting that a refusal names, and what it says of it."""
    for each in shown:
        if problem.startswith(f"{each.name} "):
            return {each.name: problem.removeprefix(f"{each.name} ")}
    return {shown[0].name: problem}


def _page(
    visit: Visit, opened: str, done: str, typed: Mapping[str, str], errors: Mapping[str, str]
) -> web.Response:
    """Make the page; settings of the open group alone, so that it stays small with all of them."""
    groups: dict[str, list[Field]] = {}
    stored = visit.panel.desk.shown
    for each in _shown():
        fields = groups.setdefault(each.name.partition(".")[0], [])
        if each.name.startswith(f"{opened}."):
            fields.append(_field(stored, each, typed, errors))
    return visit.page(
        "settings",
        status=422 if errors else 200,
        groups=groups,
        done=done if done in groups else "",
        at_once=visit.panel.anew.is_possible,
    )


def _field(
    stored: Settings, each: Declaration, typed: Mapping[str, str], errors: Mapping[str, str]
) -> Field:
    group, _, key = each.name.partition(".")
    value = getattr(getattr(stored, group), key)
    if get_origin(each.kind) is tuple:
        kind, value = "list", "\n".join(value)
    elif get_origin(each.kind) is Literal:
        kind = "choice"
    elif each.is_size:
        kind, value = "size", size_in_words(value)
    else:
        kind = {bool: "switch", int: "number"}.get(each.kind, "text")
    if each.name in typed:
        value = typed[each.name] == "yes" if kind == "switch" else typed[each.name]
    choices = get_args(each.kind) if kind == "choice" else ()
    return Field(each.name, kind, each.help, value, choices, errors.get(each.name, ""))
