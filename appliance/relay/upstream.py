"""Whether the network sees us: what another relay knows of us, and what that means."""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.atproto.syntax import Did
from appliance.upkeep.checkup import Finding

ECHO_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HostSeen:
    """What getHostStatus tells of us. `seq`: how far it has read our stream."""

    status: str = "active"
    seq: int = 0
    accounts: int | None = None


@dataclass(frozen=True, slots=True)
class AccountsSeen:
    """Of our active accounts that were asked for: how many stand how with it."""

    asked: int = 0
    unknown: int = 0
    throttled: int = 0
    # Inactive there for another reason.
    hidden: int = 0
    # Known, with an older commit than ours that was written more than a minute ago.
    behind: int = 0
    # How each one stands: "well", or one of the words above.
    each: tuple[tuple[Did, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out about us at one upstream relay.

    `failure`: why it could not be asked. `host`: None where it does not know us; then `asked` says
    what it answered to requestCrawl, empty for yes. `door`: why our own address does not answer as
    it should, where that was tried. `our_seq`: where our stream stands. `echo`: after how many
    seconds our newest write came back, None where it did not; `echoed` is False if none was due.
    """

    relay: str
    hostname: str
    checked_us: int
    failure: str = ""
    host: HostSeen | None = None
    asked: str = ""
    door: str = ""
    our_seq: int = 0
    accounts: AccountsSeen = AccountsSeen()
    echoed: bool = False
    echo: float | None = None


def findings(seen: Seen) -> list[Finding]:
    """Say in plain words what is wrong, and what to do about it; or that all is well."""
    return [*_troubles(seen)] or [Finding(f"Seen by {seen.relay}", "good", _praise(seen))]


def _troubles(seen: Seen) -> Iterator[Finding]:
    subject = f"Seen by {seen.relay}"
    if seen.failure:
        yield _silent(subject, seen.failure)
        return
    if seen.door:
        yield _door(seen.hostname, seen.door)
    if seen.host is None:
        yield _not_crawled(subject, seen)
        return
    yield from _standing(subject, seen.hostname, seen.host)
    if seen.host.seq > seen.our_seq:
        yield Finding(
            subject,
            "bad",
            f"it has read event {seen.host.seq} of this server, which has only come to"
            f" {seen.our_seq}: this server was set back, as by restoring a backup",
            "a relay that is behind this server, never ahead",
            "restart Hearth while the relay can be reached: it then continues above that number",
            "relay-ahead",
        )
    yield from _accounts(subject, seen)
    if seen.echoed and seen.echo is None:
        yield Finding(
            subject,
            "warn",
            f"the newest write had not come back through its stream after {ECHO_SECONDS} seconds",
            "every write to come back within a minute",
            "it is tried again after the next write; if this stays, ask the relay's operator",
            "relay-echo",
        )


def _silent(subject: str, failure: str) -> Finding:
    if _is_certificate(failure):
        seen = f"its certificate is not valid: {failure}"
    else:
        seen = f"it does not answer: {failure}"
    return Finding(
        subject,
        "warn",
        seen,
        "a relay that tells the network of what is written here",
        "nothing is lost: it catches up when it is back; if it is gone for good, take it out of"
        " pds.relays",
        "relay-silent",
    )


def _door(hostname: str, door: str) -> Finding:
    if _is_certificate(door):
        return Finding(
            f"Address {hostname}",
            "bad",
            f"its certificate is not valid: {door}",
            "a certificate that browsers accept",
            "renew the certificate on the web server in front of Hearth",
            "relay-door",
        )
    return Finding(
        f"Address {hostname}",
        "bad",
        f"it does not answer from here: {door}",
        "this server, reached by its public name",
        "see that the name leads to this machine, that the router lets port 443 through,"
        " and that the web server in front of Hearth runs",
        "relay-door",
    )


def _not_crawled(subject: str, seen: Seen) -> Finding:
    if seen.asked:
        remedy = f"it refused to ({seen.asked}): ask its operator"
    else:
        remedy = "it was asked to lately; if this stays for an hour, ask its operator"
    return Finding(
        subject,
        "bad",
        "it does not follow this server",
        "a relay that follows it",
        remedy,
        "relay-unknown",
    )


def _standing(subject: str, hostname: str, host: HostSeen) -> Iterator[Finding]:
    if host.status in ("active", "idle"):
        return
    words = {
        "offline": "it cannot connect to this server",
        "throttled": "it takes in less than this server writes",
        "banned": "it has banned this server",
    }
    remedies = {
        "offline": f"see that {hostname} can be reached from the internet; it was asked again",
    }
    yield Finding(
        subject,
        "bad",
        words.get(host.status, f"it calls this server {host.status[:50]!r}"),
        "a relay that follows it",
        remedies.get(host.status, f"ask the relay's operator about {hostname}"),
        f"relay-{host.status}" if host.status in words else "relay-other",
    )


def _accounts(subject: str, seen: Seen) -> Iterator[Finding]:
    counted = seen.accounts
    known = seen.host.accounts if seen.host else None
    count = "" if known is None else f"; it counts {known} accounts here"
    troubles = (
        (
            "account-throttled",
            counted.throttled,
            "are held back (throttled)",
            f"ask the relay's operator to let {seen.hostname} have more accounts",
        ),
        (
            "account-unknown",
            counted.unknown,
            "are unknown to it",
            "each is announced with its next write; if it stays unknown, ask the operator",
        ),
        (
            "account-hidden",
            counted.hidden,
            "are hidden by it, though active here",
            "deactivating and activating such an account tells it again where it stands",
        ),
        (
            "account-behind",
            counted.behind,
            "have writes that it did not take in",
            "their next write repairs this, as a rule; if not, ask the operator",
        ),
    )
    for cause, number, words, remedy in troubles:
        if number:
            yield Finding(
                subject,
                "warn",
                f"{number} of {counted.asked} accounts {words}{count}",
                "all of them as they are here",
                remedy,
                cause,
            )


def _praise(seen: Seen) -> str:
    came = "" if seen.echo is None else f"; the newest write came back in {seen.echo:.1f} s"
    return f"it follows this server and knows {seen.accounts.asked} of its accounts{came}"


def _is_certificate(text: str) -> bool:
    lowered = text.lower()
    return "certificate" in lowered or "ssl" in lowered
