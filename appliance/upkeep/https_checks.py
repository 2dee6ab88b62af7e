"""Are the certificates here that Hearth gets itself, and if not, why?"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.upkeep.checkup import Finding, Level
from appliance.upkeep.https_journal import HttpsJournal, Standing
from appliance.upkeep.low_ports import LowPorts

# What an authority says (RFC 8555, 6.7), and what its owner can do about it.
REMEDIES: Final[Mapping[str, str]] = {
    "connection": "the authority found nobody there: forward ports 80 and 443 of the router to this"
    " computer, and see that no firewall keeps strangers out",
    "unauthorized": "the authority found somebody else there: see that the name leads to this"
    " computer and not to another web server, by IPv6 (AAAA) too",
    "tls": "port 443 does not lead to Hearth: see what else listens there",
    "dns": "let the name lead to this network's public address, and wait until DNS servers know it",
    "caa": "a CAA record of the domain keeps this authority from signing: allow it there",
    "rateLimited": "too much was asked of the authority; it is tried again when it allows it, and"
    " asking more often only makes it longer",
    "rejectedIdentifier": "the authority does not sign for this name: use a domain of your own",
    "unreachable": "the authority cannot be reached from here: see that this computer reaches the"
    " internet, and https.directory",
    "unsupported": "let port 80 or 443 be reached from outside; names with a star need DNS-01",
    "dns-update": "see https.dns_hook, or https.dns_server with its zone and key, and whether the"
    " key may change this name",
    "here": "look at the log for the reason on this computer",
}
_OTHERWISE: Final = "read what the authority says; it is tried again by itself"
BY_HAND: Final = (
    "see whether a web server has it; ports below 1024 are opened by systemd:"
    " systemctl enable hearth.socket hearth-https.socket && systemctl restart hearth"
)
TAKEN: Final = (
    "another program has port {ports}, as a web server may: end it and try again"
    " (hearth https again), or choose that a web server stands before Hearth"
)
FORBIDDEN: Final = (
    "root keeps it shut by the file {file}: remove that and start this computer anew, or choose"
    " that a web server stands before Hearth"
)
UNDER_WAY: Final = "wait some seconds: systemd is opening it"
UNHEARD: Final = (
    "try again (hearth https again); where that changes nothing, see what systemd says:"
    " journalctl -u hearth-ports.service"
)
CLOSED: Final = "https-port"
FAILED: Final = "certificate-failed"
AWAITED: Final = "certificate-awaited"
IDLE: Final = "port-idle"


def check_idle_ports(data: Path, wanted: Iterable[int]) -> Iterator[Finding]:
    """Look for ports that systemd keeps for Hearth and that no setting wants."""
    for port, unit in LowPorts(data).idle(wanted).items():
        yield Finding(
            f"Port {port}",
            "warn",
            f"systemd keeps it for Hearth ({unit}), which does not answer there",
            "a port that is free for the web server of this computer, or one that a setting names",
            f"run: sudo systemctl disable --now {unit}",
            IDLE,
        )


def check_https(data: Path, now: float, *, mode: str) -> Iterator[Finding]:
    """Look at what is known of certificates; nothing where somebody else speaks HTTPS."""
    if mode == "off":
        return
    journal = HttpsJournal.read(data)
    if journal.closed:
        yield _closed(LowPorts(data), journal.closed, now)
    if mode != "acme":
        return
    failing = {name: known for name, known in journal.names.items() if known.failure}
    for name, known in sorted(failing.items()):
        yield _failed(name, known, now)
    if not journal.waits:
        awaited = (name for name, known in journal.names.items() if known == Standing())
        yield from map(_awaited, sorted(awaited))
    good = [known.ends for known in journal.names.values() if not known.failure and known.ends]
    if good:
        yield Finding(
            "Certificates",
            "good",
            f"{len(good)} here, renewed by themselves; the first runs out on {_day(min(good))}",
        )


def _closed(ports: LowPorts, closed: str, now: float) -> Finding:
    """Say what the owner can do about ports that are not open, if it takes more than to wait."""
    level: Level = "bad"
    seen, remedy = "could not be opened", BY_HAND
    failed = " and ".join(map(str, sorted(ports.failed)))
    if ports.is_possible and ports.is_forbidden:
        remedy = FORBIDDEN.format(file=ports.stay_closed)
    elif ports.is_possible and failed:
        remedy = TAKEN.format(ports=failed)
    elif ports.is_possible and ports.is_under_way(now):
        level, seen, remedy = "warn", "is not open yet", UNDER_WAY
    elif ports.is_possible:
        remedy = UNHEARD
    return Finding(
        "HTTPS",
        level,
        f"port {closed} {seen}",
        "ports that are free, and may be opened; certificates are asked for when they are",
        remedy,
        CLOSED,
    )


def _awaited(name: str) -> Finding:
    return Finding(
        f"Certificate of {name}",
        "warn",
        "there is none yet: the authority is being asked for it",
        "one that is signed, within some minutes",
        "wait, and look again",
        AWAITED,
    )


def _failed(name: str, known: Standing, now: float) -> Finding:
    """A certificate that still holds is a warning."""
    level: Level = "warn" if known.ends > now else "bad"
    again = datetime.fromtimestamp(known.next_at, UTC)
    return Finding(
        f"Certificate of {name}",
        level,
        f"it could not be had: {known.failure}",
        f"one that is signed; tried again on {again:%Y-%m-%d at %H:%M} UTC",
        REMEDIES.get(known.kind, _OTHERWISE),
        FAILED,
    )


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
