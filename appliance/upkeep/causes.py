"""What the doctor can find, each cause with a name, and which of them follow from another.

One fault shows in many places: a name that leads nowhere lets relays call this server offline and
handles fail. Then the fault is told, and not what follows from it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from appliance.upkeep.checkup import Finding

CAUSES: Final[Mapping[str, str]] = {
    "dns-name": "the server's name leads nowhere",
    "dns-near": "the server's name leads to an address at home, which strangers cannot reach",
    "dns-wildcard": "names below the server's, which handles are, lead nowhere or elsewhere",
    "domain-ending": "a domain is rented for a few more days, or not any more",
    "port-closed": "nothing can be connected to under the name",
    "port-outside": "it answers here, but not those who come from outside",
    "hairpin": "it answers those outside, but cannot be reached by its name from at home",
    "hop-silent": "the place that looks from outside does not answer",
    "stranger": "somebody else answers under the name",
    "tls-none": "what answers does not speak TLS",
    "tls-name": "the certificate is for another name",
    "tls-expired": "the certificate has run out, or is not valid yet",
    "tls-chain": "nobody that browsers know has signed the certificate, or a link to them lacks",
    "tls-expiring": "the certificate runs out soon and was not renewed",
    "tls-handles": "the certificate does not cover members' handles",
    "https-port": "a port for HTTPS could not be opened on this computer",
    "port-idle": "systemd keeps a port for Hearth that Hearth does not use",
    "address-untold": "the DNS could not be told of a new public address",
    "certificate-failed": "a certificate that Hearth gets itself could not be had",
    "certificate-awaited": "the first certificate is still being asked for",
    "proxy-backend": "the proxy does not reach Hearth",
    "proxy-host": "the proxy does not pass on the name it was asked for",
    "proxy-upgrade": "the proxy does not pass on WebSockets",
    "proxy-address": "the proxy does not pass on who asks",
    "proxy-count": "there are more or fewer proxies than the settings say",
    "proxy-scheme": "the proxy does not say that it was asked by https",
    "proxy-body": "the proxy refuses large uploads",
    "home-address": "the address that apps at home were given is not this computer's any more",
    "clock-unset": "the clock was never set",
    "clock-wrong": "the clock differs from everybody else's",
    "identity-missing": "the directory does not know an identity",
    "identity-elsewhere": "an identity names another server",
    "identity-key": "an identity names another signing key",
    "handle-document": "an identity names another handle",
    "handle-resolve": "a handle does not lead to its account",
    "rotation-key": "this server cannot change an identity",
    "plc-changed": "somebody else changed an identity within 72 hours",
    "plc-forged": "the directory gives operations that cannot be true",
    "directory-silent": "the directory does not answer",
    "key-missing": "an account's signing key is not here",
    "look-slow": "looking takes too long",
    "mail-dns": "the mail server's name is unknown",
    "mail-tcp": "the mail server cannot be connected to",
    "mail-tls": "the mail server's encryption is not as expected",
    "mail-offer": "the mail server does not offer what is asked of it",
    "mail-auth": "the mail server refuses the login",
    "mail-server": "what answers is no mail server",
    "mail-sender": "the mail server refuses the sender",
    "mail-recipient": "the mail server refuses recipients",
    "relay-silent": "a relay does not answer",
    "relay-door": "this server does not answer under its name",
    "relay-unknown": "a relay does not follow this server",
    "relay-offline": "a relay cannot connect to this server",
    "relay-throttled": "a relay takes in less than is written here",
    "relay-banned": "a relay has banned this server",
    "relay-other": "a relay says something else of this server",
    "relay-ahead": "a relay has read further than this server has written",
    "relay-echo": "what is written here does not come back from the relay",
    "account-throttled": "a relay holds accounts back",
    "account-unknown": "a relay does not know accounts",
    "account-hidden": "a relay hides accounts that are active here",
    "account-behind": "a relay has old commits of accounts",
    "data-missing": "there is no data folder",
    "keys-open": "others can read the keys",
    "disk-low": "the disk is nearly full",
    "memory-low": "memory is short",
    "data-far": "the data folder lies on another computer",
    "disk-readonly": "the disk can only be read",
    "disk-worn": "the disk nears the end of its life",
    "disk-errors": "the file system has met errors",
    "two-processes": "a second program writes into the databases",
    "database-damaged": "a database is damaged",
    "record-damaged": "records on the disk are not what was signed",
    "blob-damaged": "pictures or films on the disk are gone or changed",
    "backup-never": "no backup was ever taken",
    "backup-failed": "the last backup failed",
    "backup-old": "the last backup is too old",
    "proof-failed": "the last backup could not be restored",
    "proof-old": "no backup was restored lately to prove it",
    "not-begun": "the network has no name yet: nobody has gone through the wizard",
    "part-silent": "a part of Hearth does not answer",
    "part-failing": "background work of a part fails",
    "version-behind": "there is a newer version",
    "update-failed": "a newer version could not be installed, or did not answer",
    "channel-unread": "it cannot be seen whether there is a newer version",
    "move-stuck": "an account on its way waits or has stopped",
    "address-unsettled": "identities do not name this server's new address yet",
    "neighbour-gone": "a neighbour does not know this network any more",
}

_NOBODY_COMES_IN: Final = frozenset(
    (
        *("dns-name", "dns-near", "port-closed", "port-outside", "stranger"),
        *("tls-none", "tls-name", "tls-expired", "tls-chain", "proxy-backend", "proxy-host"),
    )
)
# Each is left out where one of those behind it was found.
FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    "port-outside": _NOBODY_COMES_IN - {"port-outside"},
    "hop-silent": _NOBODY_COMES_IN,
    "relay-door": _NOBODY_COMES_IN,
    "relay-offline": _NOBODY_COMES_IN | {"relay-door", "proxy-upgrade"},
    "relay-unknown": _NOBODY_COMES_IN | {"relay-door", "proxy-upgrade"},
    "relay-echo": _NOBODY_COMES_IN | {"proxy-upgrade", "relay-offline", "relay-throttled"},
    "account-unknown": frozenset({"relay-throttled", "relay-ahead"}),
    "account-behind": frozenset({"relay-throttled", "relay-ahead", "relay-offline"}),
    "handle-resolve": _NOBODY_COMES_IN | {"dns-wildcard", "tls-handles"},
    "tls-handles": frozenset({"dns-wildcard", "certificate-failed"}),
    "tls-none": frozenset({"certificate-failed", "certificate-awaited", "https-port"}),
    "certificate-awaited": frozenset({"dns-name", "dns-near", "clock-unset"}),
    "port-closed": frozenset({"https-port"}),
    "certificate-failed": frozenset({"dns-name", "dns-near", "https-port", "clock-unset"}),
    "dns-wildcard": frozenset({"dns-name", "dns-near"}),
    "tls-expired": frozenset({"clock-unset", "clock-wrong"}),
    "clock-wrong": frozenset({"clock-unset"}),
    "part-failing": frozenset({"disk-low", "disk-readonly"}),
    "backup-failed": frozenset({"disk-readonly"}),
    "proof-old": frozenset({"backup-never", "backup-old", "backup-failed", "proof-failed"}),
}

_ANY_STEP: Final = frozenset(
    (
        *("clock-unset", "clock-wrong", "disk-low", "disk-readonly", "data-far", "two-processes"),
        *("database-damaged", "part-silent"),
    )
)
# What has to be mended before a step that is hard to take back.
STOPS: Final[Mapping[str, frozenset[str]]] = {
    "move-in": _ANY_STEP | _NOBODY_COMES_IN | {"dns-wildcard", "directory-silent"},
    "move-out": _ANY_STEP | {"directory-silent"},
}


def in_the_way(step: str, findings: Iterable[Finding]) -> Finding | None:
    """Find what has to be mended before a step; None if nothing has."""
    stops = STOPS.get(step, frozenset())
    return next((one for one in findings if one.level == "bad" and one.cause in stops), None)


def told_apart(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out what follows from another finding."""
    all_of_them = list(dict.fromkeys(findings))
    found = {finding.cause for finding in all_of_them if finding.level != "good"}
    return [one for one in all_of_them if not FOLLOWS.get(one.cause, frozenset()) & found]
