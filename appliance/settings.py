"""Every setting, read and checked by its one declaration (in `settings_groups`).

From this one declaration come reading (defaults < names of the reference PDS in the environment <
`<data>/hearth.toml` < `HEARTH_PDS_HOSTNAME`)
and the refusal of unknown names; `settings_file` makes of it the file, with each help text above
its value, and the table in the README. Settings are read once; to change one is to restart.
Secrets are not settings: they are files of their own under `<data>/secrets/`.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from appliance.base.machine import host_name, numbered
from appliance.settings_aliases import SETTINGS
from appliance.settings_groups import (
    FILE_NAME,
    HOST,
    AdminSettings,
    AppViewSettings,
    ClientSettings,
    DevSettings,
    DirectorySettings,
    DoorSettings,
    LabelerSettings,
    LimitsSettings,
    LookSettings,
    Mode,
    NeighboursSettings,
    NetworkSettings,
    Paths,
    PdsSettings,
    RelaySettings,
    SmtpSettings,
    Value,
)
from appliance.settings_groups_https import AddressSettings, HttpsSettings
from appliance.settings_groups_upkeep import BackupSettings, CheckupSettings, UpdateSettings

PREFIX: Final = "HEARTH_"
LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104

_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class InvalidSettings(ValueError):
    """A setting has an unknown name, or a value it cannot have; the message says which."""


@dataclass(frozen=True)
class Settings:
    """All settings, by group."""

    network: NetworkSettings = NetworkSettings()
    pds: PdsSettings = PdsSettings()
    relay: RelaySettings = RelaySettings()
    appview: AppViewSettings = AppViewSettings()
    labeler: LabelerSettings = LabelerSettings()
    client: ClientSettings = ClientSettings()
    directory: DirectorySettings = DirectorySettings()
    door: DoorSettings = DoorSettings()
    https: HttpsSettings = HttpsSettings()
    address: AddressSettings = AddressSettings()
    neighbours: NeighboursSettings = NeighboursSettings()
    admin: AdminSettings = AdminSettings()
    smtp: SmtpSettings = SmtpSettings()
    look: LookSettings = LookSettings()
    backup: BackupSettings = BackupSettings()
    update: UpdateSettings = UpdateSettings()
    checkup: CheckupSettings = CheckupSettings()
    limits: LimitsSettings = LimitsSettings()
    dev: DevSettings = DevSettings()
    paths: Paths = Paths()

    @property
    def public_names(self) -> tuple[str, ...]:
        """The host names under which the world asks the parts of this network, the PDS's first."""
        client = self.client
        named = (
            self.pds.hostname,
            self.relay.hostname,
            client.hostname if client.folder else "",
            *map(
                host_in,
                (
                    self.pds.url,
                    self.relay.public_url,
                    self.appview.public_url,
                    self.labeler.public_url,
                    client.public_url if client.folder and not client.port else "",
                ),
            ),
        )
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def client_address(self) -> str:
        """Where this network's own web client is; empty where it has none."""
        client = self.client
        if not client.folder:
            return ""
        if client.public_url or client.hostname:
            return client.public_url.rstrip("/") or f"https://{client.hostname}"
        return f"http://{host_in(self.pds.url)}:{client.port}"

    @property
    def places(self) -> dict[str, tuple[str, int]]:
        """Where to listen: address and port (0: nowhere), by name."""
        https, neighbours, client = self.https, self.neighbours, self.client
        places = {
            "door": (self.door.host, self.door.port),
            "admin": (self.admin.host, self.admin.port),
            "neighbours": (neighbours.host, neighbours.port if neighbours.enabled else 0),
            # Not for a proxy but for members: at home, names are harder to come by than ports.
            "client": (self.door.host, client.port if client.folder else 0),
        }
        for name in ("directory", "pds", "relay", "labeler", "appview"):
            places[name] = (LOOPBACK, getattr(self, name).port)
        if https.mode != "off":
            places |= {"https": (https.host, https.port), "http": (https.host, https.plain_port)}
            if self.door.port == https.plain_port:
                # Whoever comes there is sent on to HTTPS, which the front door answers.
                places["door"] = (self.door.host, 0)
        return places

    @property
    def neighbours_address(self) -> str:
        """Where to ask for those who live in paired houses; empty where none can be paired."""
        return self.paths.address("neighbours") if self.neighbours.enabled else ""

    @property
    def local_names(self) -> tuple[str, ...]:
        """The names under which machines at home may ask, since they are announced to them."""
        if not (self.neighbours.enabled and self.neighbours.announce):
            return ()
        name = self.neighbours.name or host_name(self.network.name)
        return tuple(f"{each}.local" for each in numbered(name))

    def with_values(self, values: Mapping[str, object]) -> "Settings":
        """Return a copy with some settings changed, by name: {"pds.port": 2583}.

        Raises InvalidSettings.
        """
        known = {each.name: each for each in declarations()}
        changed: dict[str, dict[str, Value]] = {}
        for name, value in values.items():
            group, _, key = name.partition(".")
            changed.setdefault(group, {})[key] = _checked(known, name, value)
        groups = {group: replace(getattr(self, group), **keys) for group, keys in changed.items()}
        return replace(self, **groups)


@dataclass(frozen=True)
class Declaration:
    """One setting as it is declared."""

    name: str
    kind: Any
    defaults: Mapping[str, Value]
    help: str
    form: str
    least: int
    most: int
    is_size: bool

    @property
    def help_in_file(self) -> str:
        """What it means, and in which unit files and the environment have it."""
        return f"{self.help} In bytes." if self.is_size else self.help

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "_").upper()


def host_in(url: str) -> str:
    """Give the host of a URL, an IPv6 address in brackets; nothing where there is none."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


@cache
def declarations() -> tuple[Declaration, ...]:
    """Give every setting, in order of declaration."""
    return tuple(_declared())


def _declared() -> Iterator[Declaration]:
    for group, kind in get_type_hints(Settings).items():
        if kind is Paths:
            continue
        kinds = get_type_hints(kind)
        for each in fields(kind):
            meta = each.metadata
            yield Declaration(
                name=f"{group}.{each.name}",
                kind=kinds[each.name],
                defaults=meta["defaults"],
                help=meta["help"],
                form=meta["form"],
                least=meta["least"],
                most=meta["most"],
                is_size=meta["size"],
            )


def defaults(mode: Mode, data: Path) -> Settings:
    """Return the settings nobody has changed."""
    values = {each.name: each.defaults[mode] for each in declarations()}
    return Settings(paths=Paths(data)).with_values({**values, "network.mode": mode})


def changed(settings: Settings) -> list[tuple[str, object]]:
    """List the settings that are not what they are by themselves in this mode, by name."""
    unset = defaults(settings.network.mode, settings.paths.data)
    return [
        (each.name, value)
        for each in declarations()
        if (value := value_of(settings, each.name)) != value_of(unset, each.name)
    ]


def value_of(settings: Settings, name: str) -> object:
    """Give the value of a setting, such as "pds.port"."""
    group, _, key = name.partition(".")
    value: object = getattr(getattr(settings, group), key)
    return value


def load(data: Path, env: Mapping[str, str]) -> Settings:
    """Read the settings of a data directory. Raises InvalidSettings."""
    values = {**_read_aliases(env), **_read_file(data / FILE_NAME), **_read_environment(env)}
    mode = Settings().with_values({"network.mode": values.get("network.mode", "home")}).network.mode
    settings = defaults(mode, data).with_values(values)
    if not (settings.directory.enabled or settings.pds.plc_url):
        raise InvalidSettings("pds.plc_url must name a directory, or directory.enabled be true")
    check_ports(settings)
    return settings


def load_in(data: Path, mode: Mode | None) -> Settings:
    """Read those of a data directory in a mode, whatever its file says. Raises InvalidSettings."""
    return load(data, {} if mode is None else {f"{PREFIX}NETWORK_MODE": mode})


def check_ports(settings: Settings) -> None:
    """See that no two settings ask for one port. Raises InvalidSettings."""
    taken: dict[int, tuple[str, str]] = {}
    for name, (host, port) in settings.places.items():
        setting = "https.plain_port" if name == "http" else f"{name}.port"
        other, at = taken.setdefault(port, (setting, host))
        # Different addresses of this machine can have the same port, but "every one" has them all.
        if port and other != setting and (host == at or not EVERYWHERE.isdisjoint((host, at))):
            raise InvalidSettings(f"{setting} must be another port than {other}, {port}")


def _read_file(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path.name}: {error}") from error
    values: dict[str, object] = {}
    for group, keys in document.items():
        if not isinstance(keys, dict):
            raise InvalidSettings(f"{path.name}: {group} stands outside a [group]")
        values.update({f"{group}.{key}": value for key, value in keys.items()})
    return values


def _read_aliases(env: Mapping[str, str]) -> dict[str, object]:
    """Find settings under the names of the reference PDS; an empty text means that it is unset."""
    known = {each.name: each for each in declarations()}
    return {
        name: _from_text(known[name], env[variable], variable)
        for variable, name in SETTINGS.items()
        if env.get(variable)
    }


def _read_environment(env: Mapping[str, str]) -> dict[str, object]:
    """Find the settings among the variables; refuse those that only look like one."""
    known = {each.variable: each for each in declarations()}
    groups = {each.name.partition(".")[0].upper() for each in known.values()}
    values: dict[str, object] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX):
            continue
        declared = known.get(variable)
        if declared is not None:
            values[declared.name] = _from_text(declared, text, variable)
        elif variable.removeprefix(PREFIX).partition("_")[0] in groups:
            raise InvalidSettings(f"no setting {variable}{_suggestion(variable, known)}")
    return values


def _from_text(declared: Declaration, text: str, variable: str) -> Value:
    """Read a value written in an environment variable; a list is parted by commas."""
    if declared.kind is bool:
        if text.lower() not in _BOOLEANS:
            raise InvalidSettings(f"{variable} must be true or false")
        return _BOOLEANS[text.lower()]
    if declared.kind is int:
        if not re.fullmatch(r"\d{1,15}", text, re.ASCII):
            raise InvalidSettings(f"{variable} must be a number")
        return int(text)
    if get_origin(declared.kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _checked(known: Mapping[str, Declaration], name: str, value: object) -> Value:
    """Check a value by its declaration. Raises InvalidSettings."""
    declared = known.get(name)
    if declared is None:
        raise InvalidSettings(f"no setting {name}{_suggestion(name, known)}")
    if isinstance(value, list):
        value = tuple(value)
    expected = _complaint(declared, value)
    if expected:
        raise InvalidSettings(f"{name} must be {expected}")
    return value  # type: ignore[return-value]


def _complaint(declared: Declaration, value: object) -> str:
    """Say what a value should have been, or nothing."""
    kind = declared.kind
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is int:
        return _number_complaint(declared, value)
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else f"one of {', '.join(get_args(kind))}"
    if kind is str:
        return "" if isinstance(value, str) and _fits(declared, value) else _described(declared)
    if isinstance(value, tuple) and all(isinstance(v, str) and _fits(declared, v) for v in value):
        return ""
    return f"a list, of which each is {_described(declared)}"


def _number_complaint(declared: Declaration, value: object) -> str:
    least, most = declared.least, declared.most
    if isinstance(value, bool) or not isinstance(value, int):
        return "a number"
    return "" if least <= value <= most else f"between {least} and {most}"


def _fits(declared: Declaration, text: str) -> bool:
    return not text or not declared.form or bool(re.fullmatch(declared.form, text, re.ASCII))


def _described(declared: Declaration) -> str:
    if declared.form == HOST:
        return "a host name in lower case, without scheme and port"
    return "a text" if not declared.form else f"a text like {declared.form}"


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
