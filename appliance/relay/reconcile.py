"""Compare what we hold with what hosts answer, so that nothing stays wrong unnoticed.

A quiet stream proves nothing: once an hour a host's newest account is asked for, and each week
every account. What differs goes to `repairs`.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.relay import accounts, hosts, repairs
from appliance.relay.accounts import AccountStore
from appliance.relay.crawler import Crawler
from appliance.relay.hosts import Host, HostStore
from appliance.relay.quarantine import QuarantineStore
from appliance.relay.ways import Ways

log = logging.getLogger(__name__)

TICK_SECONDS = 60.0
HOUR_US = 3600 * 1_000_000
WEEK_US = 7 * 24 * HOUR_US
# How many accounts a minute are sent to be asked about again.
ACCOUNTS_PER_TICK = 20
PAGE = 1000
MAX_PAGES = 100
# How long the stream may take to bring what the host already answers.
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a host's list says of one account."""

    did: Did
    active: bool
    status: str | None
    rev: str | None


class Reconciler:
    """Looks after hosts and accounts by asking, once a minute for what is due."""

    def __init__(self, db: Database, ways: Ways, crawler: Crawler, clock: Clock) -> None:
        self._db = db
        self._ways = ways
        self._crawler = crawler
        self._clock = clock
        self._hosts = HostStore(db, clock)
        self._accounts = AccountStore(db)
        self._quarantine = QuarantineStore(db)

    async def run(self) -> None:
        """Do what is due, for ever; a worker."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """Do what is due now."""
        now_us = self._clock.now_us()
        for host in self._hosts.active():
            if self._crawler.connected_since(host) is None:
                continue
            if host.compare:
                await self.compare(host)
            elif now_us - (host.compared_us or 0) > HOUR_US:
                await self.check_alive(host)
        week_ago = now_us - WEEK_US
        for did in self._accounts.unchecked_since(week_ago, ACCOUNTS_PER_TICK):
            await self._db.write(_recheck, did, now_us)
        await self._db.write(grow_limits, now_us)
        await self._quarantine.prune(now_us)

    async def compare(self, host: Host) -> int:
        """Compare a host's whole list of repos with ours; count what differs."""
        client, cursor, found = self._ways.client(host), None, 0
        for _ in range(MAX_PAGES):
            try:
                answer = await client.query(
                    "com.atproto.sync.listRepos", {"limit": PAGE, "cursor": cursor}
                )
            except XrpcError as error:
                log.info("host not compared host=%s reason=%s", host.hostname, error)
                return found
            page = answer if isinstance(answer, dict) else {}
            told = list(_read_page(page.get("repos")))
            found += await self._db.write(_want_differing, host, told, self._clock.now_us())
            cursor = page.get("cursor")
            if not isinstance(cursor, str) or not told:
                break
        if found:
            log.warning("host compared host=%s differing=%d", host.hostname, found)
        await self._hosts.compared(host.id)
        return found

    async def check_alive(self, host: Host) -> bool:
        """See that a host's stream tells what the host answers; else connect anew."""
        account = self._accounts.newest_of(host.id)
        if account is None or account.state is None or not account.active:
            await self._hosts.compared(host.id)
            return True
        try:
            answer = await self._ways.client(host).query(
                "com.atproto.sync.getLatestCommit", {"did": account.did}
            )
        except XrpcError as error:
            await self._hosts.compared(host.id, f"it did not answer getLatestCommit: {error.name}")
            return True
        rev = answer.get("rev") if isinstance(answer, dict) else None
        if not isinstance(rev, str) or rev == account.state.rev:
            await self._hosts.compared(host.id)
            return True
        await asyncio.sleep(GRACE_SECONDS)
        state = self._accounts.find(account.did).state
        if state is not None and state.rev >= rev:
            await self._hosts.compared(host.id)
            return True
        log.warning("host's stream is behind its answers host=%s", host.hostname)
        await self._hosts.compared(host.id, "its stream did not tell what it answers")
        await self._hosts.want_comparison(host.id)
        await self._crawler.reconnect(host)
        return False


def grow_limits(conn: Connection, now_us: int) -> None:
    """Let hosts that have behaved for a week have twice as many accounts, up to a thousand."""
    for host in hosts.ready_to_grow(conn, now_us):
        set_limit(conn, host, min(host.account_limit * 2, hosts.MAX_ACCOUNTS_GROWN), now_us)


def set_limit(conn: Connection, host: Host, most: int | None, now_us: int) -> int:
    """Set how many accounts a host may have, and let in those that waited; count them."""
    hosts.set_limit(conn, host.id, most, now_us)
    places = hosts.places_of(conn, hosts.load(conn, host.id))
    let_in = accounts.let_in(conn, host.id, places)
    for did in let_in:
        # What it wrote before is told of by a #sync.
        repairs.want(conn, did, "its host may have more accounts now", now_us)
    return len(let_in)


def _recheck(conn: Connection, did: Did, now_us: int) -> None:
    account = accounts.load(conn, did)
    if account is not None:
        accounts.mark_checked(conn, account, now_us)
        if not account.throttled and account.upstream_status != "deleted":
            repairs.want(conn, did, "weekly comparison", now_us)


def _want_differing(conn: Connection, host: Host, told: list[Told], now_us: int) -> int:
    found = 0
    # A relay lists the whole network; we know those of it that were told of.
    places = 0 if host.is_relay else hosts.places_of(conn, host)
    for each in told:
        account = accounts.load(conn, each.did)
        if account is not None and (account.throttled or account.host_id != host.id):
            continue
        if account is None:
            same = not each.active or places <= 0
            places -= not same
        else:
            rev = None if account.state is None else account.state.rev
            same = each.active == account.upstream_active and (not each.active or each.rev == rev)
        if not same:
            repairs.want(conn, each.did, "its host's list differs from ours", now_us)
            found += 1
    return found


def _read_page(repos: Any) -> Iterator[Told]:
    """Give what can be read of a page of listRepos."""
    for each in repos if isinstance(repos, list) else []:
        if not isinstance(each, dict):
            continue
        try:
            did = Did(each.get("did", ""))
        except (InvalidSyntax, TypeError):
            continue
        status, rev = each.get("status"), each.get("rev")
        yield Told(
            did,
            each.get("active") is not False,
            status if isinstance(status, str) else None,
            rev if isinstance(rev, str) else None,
        )
