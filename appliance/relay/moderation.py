"""What an operator decides of hosts and accounts, and what follows from it.

A takedown reaches the events that are already kept, not only those to come.
"""

import re

from appliance.atproto.syntax import Datetime, Did, InvalidSyntax
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.events import AccountEvent
from appliance.relay import accounts, hosts, quarantine, reconcile, repairs
from appliance.relay.bans import BanStore, domains_of
from appliance.relay.crawler import Crawler
from appliance.relay.hosts import Host, HostStore

TAKENDOWN = "takendown"

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")


class InvalidBan(ValueError):
    """What is to be banned is neither a DID nor a domain."""

    xrpc_name = "InvalidRequest"


class Moderation:
    """The operator's decisions."""

    def __init__(self, db: Database, crawler: Crawler, clock: Clock) -> None:
        self._db = db
        self._crawler = crawler
        self._clock = clock
        self._hosts = HostStore(db, clock)
        self._bans = BanStore(db, clock)

    async def approve(self, host: Host) -> None:
        """Follow a host that waits, or that was banned or given up."""
        await self._hosts.set_standing(host.id, "active")
        self._crawler.follow(self._hosts.by_id(host.id))

    async def ban(self, name: str, reason: str) -> None:
        """Carry an account, or the hosts of a domain and below it, no longer. Raises InvalidBan."""
        name = name.strip()
        if name.startswith("did:"):
            did = _did(name)
            await self._bans.add(did, reason)
            await self.take_down(did, applied=True)
            return
        name = name.lower()
        if len(name) > 253 or not _DOMAIN.fullmatch(name):
            raise InvalidBan("neither a DID nor a domain")
        await self._bans.add(name, reason)
        for host in await self._db.write(_hosts_below, name):
            await self._hosts.set_standing(host.id, "banned", reason)
            await self._crawler.leave(host.id)

    async def unban(self, name: str) -> None:
        """Lift a ban; hosts under it wait for approval. Raises BanNotFound."""
        name = name.strip() if name.strip().startswith("did:") else name.strip().lower()
        await self._bans.remove(name)
        if name.startswith("did:"):
            await self.take_down(_did(name), applied=False)
            return
        for host in await self._db.write(_hosts_below, name):
            if host.standing == "banned" and self._bans.of_host(host.hostname) is None:
                await self._hosts.set_standing(host.id, "waiting")

    async def take_down(self, did: Did, *, applied: bool) -> bool:
        """Take an account down here, or lift that; tell whether the account is known."""
        return await self._db.write(_take_down, did, applied, self._clock.now_us())

    async def set_limit(self, host: Host, most: int | None) -> int:
        """Set how many accounts a host may have; count those let in by it."""
        self._crawler.forgive(host.id)
        return await self._db.write(reconcile.set_limit, host, most, self._clock.now_us())


def _did(text: str) -> Did:
    try:
        return Did(text)
    except InvalidSyntax as error:
        raise InvalidBan(str(error)) from error


def _hosts_below(conn: Connection, domain: str) -> list[Host]:
    return [host for host in hosts.every(conn) if domain in domains_of(host.hostname)]


def _take_down(conn: Connection, did: Did, applied: bool, now_us: int) -> bool:
    account = accounts.load(conn, did)
    if account is None:
        return False
    status = TAKENDOWN if applied else None
    if account.local_status == status:
        return True
    accounts.set_local_status(conn, account, status)
    if applied:
        event_log.forget(conn, did)
        quarantine.forget(conn, did)
    else:
        repairs.want(conn, did, "no longer taken down", now_us)
    after = accounts.load(conn, did)
    if after is not None:
        time = str(Datetime.from_us(now_us))
        event = AccountEvent(did, time, after.active, after.status)
        event_log.append(conn, did, event.kind, event.frame(), now_us)
    return True
