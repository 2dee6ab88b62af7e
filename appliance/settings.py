"""Every setting, declared once: type, default, help.

From this one declaration come reading (defaults < `<data>/hearth.toml` < `HEARTH_PDS_HOSTNAME`)
and the refusal of unknown names; `settings_file` makes of it the file, with each help text above
its value, and the table in the README. Settings are read once; to change one is to restart.
Secrets are not settings: they are files of their own under `<data>/secrets/`.
"""

import difflib
import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

Mode: TypeAlias = Literal["public", "home", "dev"]
Value: TypeAlias = str | int | bool | tuple[str, ...]

FILE_NAME: Final = "hearth.toml"
PREFIX: Final = "HEARTH_"
MEGABYTE: Final = 1_000_000
PLC: Final = "https://plc.directory"

_HOST: Final = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_URL: Final = r"https?://[^\s/]+(/\S*)?"
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class InvalidSettings(ValueError):
    """A setting has an unknown name, or a value it cannot have; the message says which."""


def setting(
    default: Value,
    help: str,
    *,
    dev: Value | None = None,
    public: Value | None = None,
    form: str = "",
    least: int = 0,
) -> Any:
    """Declare a setting.

    `dev` and `public` are its defaults in these modes, if others; `form` is a pattern that a text,
    or each text of a list, has to match unless empty; `least` is the smallest number.
    """
    given: dict[Mode, Value | None] = {"home": default, "dev": dev, "public": public}
    by_mode = {mode: default if value is None else value for mode, value in given.items()}
    meta = {"help": help, "defaults": by_mode, "form": form, "least": least}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class NetworkSettings:
    """The network as a whole."""

    name: str = setting("Hearth", "What the network is called.")
    mode: Mode = setting("home", "public, home, or dev: for trying out, on this machine only.")
    handle_domains: tuple[str, ...] = setting(
        (),
        "Domains under which members get their handles, as '.example.com'.",
        dev=(".test",),
        form=r"\." + _HOST,
    )
    trusted_proxies: int = setting(
        0, "How many reverse proxies stand before this server and set X-Forwarded-For."
    )


@dataclass(frozen=True)
class PdsSettings:
    """The personal data server: accounts and their repos."""

    hostname: str = setting("", "The name by which the PDS is known.", dev="localhost", form=_HOST)
    public_url: str = setting("", "Its URL, if not https:// and the hostname.", form=_URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.")
    invites_required: bool = setting(True, "Whether an invite code opens an account.", dev=False)
    blob_limit: int = setting(300 * MEGABYTE, "The largest upload, in bytes.", least=1)
    plc_url: str = setting(
        "", "The did:plc directory; empty for the one inside.", public=PLC, form=_URL
    )
    relays: tuple[str, ...] = setting(
        (), "URLs of relays that are told when there is news here.", form=_URL
    )
    contact_email: str = setting("", "Where members write to the operator.")
    privacy_policy_url: str = setting("", "A page about privacy, shown by clients.", form=_URL)
    terms_of_service_url: str = setting("", "A page with the terms, shown by clients.", form=_URL)

    @property
    def did(self) -> str:
        """The DID of the service itself."""
        return f"did:web:{self.hostname}"

    @property
    def url(self) -> str:
        """Where the world reaches it, without a slash behind."""
        return self.public_url.rstrip("/") or f"https://{self.hostname}"


@dataclass(frozen=True)
class RelaySettings:
    """The relay: one stream of everything this network carries."""

    hostname: str = setting("", "The name by which the relay is known.", form=_HOST)
    public_url: str = setting("", "Its URL, if not https:// and the hostname.", form=_URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.")
    crawl: tuple[str, ...] = setting((), "URLs of other PDSes it follows.", form=_URL)


@dataclass(frozen=True)
class AppViewSettings:
    """The AppView: timelines, threads, profiles, search."""

    did: str = setting("", "Its DID; empty for one made from its URL.", form=r"did:[a-z]+:\S+")
    url: str = setting(
        "", "Another AppView that answers app.bsky.* instead of the one inside.", form=_URL
    )
    public_url: str = setting("", "The URL of the one inside, for images.", form=_URL)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.")
    logged_out_reads: bool = setting(
        False, "Whether it answers those who are not signed in.", dev=True
    )


@dataclass(frozen=True)
class DirectorySettings:
    """The did:plc directory inside."""

    enabled: bool = setting(True, "Whether it runs; for networks that use no other.", public=False)
    port: int = setting(0, "TCP port of its own on loopback; 0 for none.")


@dataclass(frozen=True)
class AdminSettings:
    """The panel."""

    host: str = setting("127.0.0.1", "The address it listens on.")
    port: int = setting(0, "The TCP port it listens on; 0 for none.")


@dataclass(frozen=True)
class SmtpSettings:
    """Outgoing mail; without it, mail waits in the panel."""

    url: str = setting(
        "", "The mail server, as smtps://user:password@host:465.", form=r"smtps?://\S+"
    )
    sender: str = setting("", "The address that mail comes from.")


@dataclass(frozen=True)
class LimitsSettings:
    """Rate limits."""

    enabled: bool = setting(True, "Whether callers are limited in rate.", dev=False)


@dataclass(frozen=True)
class DevSettings:
    """For development only."""

    allow_loopback: bool = setting(
        False, "Whether outbound requests may go to this machine, by http.", dev=True
    )
    validate_outputs: bool = setting(
        False, "Whether every answer is measured by its lexicon.", dev=True
    )


@dataclass(frozen=True)
class Paths:
    """Where everything lies in the data directory."""

    data: Path = Path("hearth-data")

    @classmethod
    def of(cls, text: str) -> "Paths":
        """Name a data directory as a person types it; files and sockets are found absolutely."""
        return cls(Path(text).expanduser().absolute())

    @property
    def settings_file(self) -> Path:
        return self.data / FILE_NAME

    @property
    def run(self) -> Path:
        """The folder for sockets, beside the data unless that makes their names too long."""
        name = os.fsencode(self.data)
        if len(name) < 86:  # the kernel takes 107 bytes for the name of a socket
            return self.data / "run"
        return Path(tempfile.gettempdir()) / f"hearth-{hashlib.sha256(name).hexdigest()[:16]}"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def blobs(self) -> Path:
        return self.data / "blobs"

    @property
    def cache(self) -> Path:
        return self.data / "cache"

    def socket(self, role: str) -> Path:
        return self.run / f"{role}.sock"

    def address(self, role: str) -> str:
        """Where a role of ours listens, as HttpClient takes it."""
        return f"unix:{self.socket(role)}"

    def database(self, name: str) -> Path:
        return self.data / f"{name}.sqlite"

    def secret(self, name: str) -> Path:
        return self.secrets / name


@dataclass(frozen=True)
class Settings:
    """All settings, by group."""

    network: NetworkSettings = NetworkSettings()
    pds: PdsSettings = PdsSettings()
    relay: RelaySettings = RelaySettings()
    appview: AppViewSettings = AppViewSettings()
    directory: DirectorySettings = DirectorySettings()
    admin: AdminSettings = AdminSettings()
    smtp: SmtpSettings = SmtpSettings()
    limits: LimitsSettings = LimitsSettings()
    dev: DevSettings = DevSettings()
    paths: Paths = Paths()

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

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "_").upper()


def declarations() -> Iterator[Declaration]:
    """Give every setting, in order of declaration."""
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
            )


def defaults(mode: Mode, data: Path) -> Settings:
    """Return the settings nobody has changed."""
    values = {each.name: each.defaults[mode] for each in declarations()}
    return Settings(paths=Paths(data)).with_values({**values, "network.mode": mode})


def load(data: Path, env: Mapping[str, str]) -> Settings:
    """Read the settings of a data directory. Raises InvalidSettings."""
    values = {**_read_file(data / FILE_NAME), **_read_environment(env)}
    mode = Settings().with_values({"network.mode": values.get("network.mode", "home")}).network.mode
    settings = defaults(mode, data).with_values(values)
    if not (settings.directory.enabled or settings.pds.plc_url):
        raise InvalidSettings("pds.plc_url must name a directory, or directory.enabled be true")
    return settings


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
            values[declared.name] = _from_text(declared, text)
        elif variable.removeprefix(PREFIX).partition("_")[0] in groups:
            raise InvalidSettings(f"no setting {variable}{_suggestion(variable, known)}")
    return values


def _from_text(declared: Declaration, text: str) -> Value:
    """Read a value written in an environment variable; a list is parted by commas."""
    if declared.kind is bool:
        if text.lower() not in _BOOLEANS:
            raise InvalidSettings(f"{declared.variable} must be true or false")
        return _BOOLEANS[text.lower()]
    if declared.kind is int:
        if not re.fullmatch(r"\d{1,15}", text, re.ASCII):
            raise InvalidSettings(f"{declared.variable} must be a number")
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
    most = 65_535 if declared.name.endswith(".port") else 2**53
    if isinstance(value, bool) or not isinstance(value, int):
        return "a number"
    return "" if declared.least <= value <= most else f"between {declared.least} and {most}"


def _fits(declared: Declaration, text: str) -> bool:
    return not text or not declared.form or bool(re.fullmatch(declared.form, text, re.ASCII))


def _described(declared: Declaration) -> str:
    if declared.form == _HOST:
        return "a host name in lower case, without scheme and port"
    return "a text" if not declared.form else f"a text like {declared.form}"


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
