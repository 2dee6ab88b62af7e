"""Keeps every certificate that is needed: gets it, renews it at a third of its life, tries again.

One order at a time. Names of this server are always wanted; names of handles when somebody asks
for one, for as long as an account has it. What the authority refuses is tried again later and
later, and what it was is written down for the doctor and the panel.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from appliance.base.http import OutboundFailed
from appliance.https.acme import AcmeRefused
from appliance.https.shelf import Shelf
from appliance.upkeep.https_journal import HttpsJournal, Standing

log = logging.getLogger(__name__)

# So long is waited before the second try, twice as long before each one after, up to the longest.
FIRST_WAIT: Final = 60.0
LONGEST_WAIT: Final = 6 * 3600.0
LIMITED_WAIT: Final = 3600.0
SECONDS_BETWEEN_LOOKS: Final = 3600.0
# For names of handles: what authorities sign for one domain is limited, and so is our patience.
MOST_IN_AN_HOUR: Final = 40
MOST_WAITING: Final = 200
SECONDS_TO_WAIT: Final = 30.0
LONGEST_FAILURE: Final = 500

# Gets a certificate for a name, by the ways in an order that the number of failures turns.
Issue: TypeAlias = Callable[[str, int], Awaitable[tuple[str, str]]]


@dataclass(frozen=True)
class Wanted:
    """Names that always need a certificate, and endings of those that may ask for one."""

    names: tuple[str, ...]
    endings: tuple[str, ...]


class Keeper:
    """`is_hosted` tells whether an account here has this handle; `data` is where the journal is."""

    def __init__(
        self,
        data: Path,
        shelf: Shelf,
        wanted: Wanted,
        issue: Issue,
        is_hosted: Callable[[str], Awaitable[bool]],
        now: Callable[[], float],
    ) -> None:
        self._data = data
        self._shelf = shelf
        self._wanted = wanted
        self._issue = issue
        self._is_hosted = is_hosted
        self._now = now
        self._waited_for: dict[str, asyncio.Event] = {}
        self._news = asyncio.Event()
        self._begun: deque[float] = deque()
        journal = HttpsJournal.read(data)
        known = {name: one for name, one in journal.names.items() if self._is_ours(name)}
        unknown = {name: self._as_kept(name) for name in wanted.names if name not in known}
        self._journal = replace(journal, names={**known, **unknown}).write(data)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._news.clear()
            for name in self.due():
                await self.renew(name)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._news.wait()

    async def wait_for(self, name: str) -> None:
        """Get a certificate for a handle's host, if it has an account; return when it is here.

        Also when it cannot be had, or not soon.
        """
        if not self._may_ask(name):
            return
        there = self._waited_for.get(name)
        if there is None:
            if not await self._is_hosted(name):
                return
            there = self._waited_for.setdefault(name, asyncio.Event())
            self._news.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_WAIT):
                await there.wait()

    def try_now(self) -> None:
        """Do not wait any longer with what failed, unless the authority itself asked us to."""
        for name, standing in self._journal.names.items():
            if standing.failure and standing.kind != "rateLimited":
                self._note(name, next_at=0.0)
        self._news.set()

    async def renew(self, name: str) -> None:
        """Get one certificate now, whatever is there; note what came of it."""
        standing = self._journal.of(name)
        try:
            if name not in self._wanted.names:
                if not await self._is_hosted(name):
                    self._forget(name)
                    return
                self._begun.append(self._now())
            log.info("certificate is asked for name=%s", name)
            chain, key = await self._issue(name, standing.failures)
            got = self._shelf.put(name, chain, key)
        except AcmeRefused as refused:
            self._failed(name, refused.kind, str(refused), refused.wait)
        except (OSError, ValueError) as problem:
            kind = "unreachable" if isinstance(problem, OutboundFailed) else "here"
            self._failed(name, kind, str(problem), 0.0)
        else:
            log.info("certificate is here name=%s", name)
            self._note(
                name,
                begins=got.begins,
                ends=got.ends,
                tried_at=self._now(),
                next_at=got.renewed_at,
                failures=0,
                failure="",
                kind="",
            )
        finally:
            there = self._waited_for.pop(name, None)
            if there is not None:
                there.set()

    def _may_ask(self, name: str) -> bool:
        """Whether a certificate may be got for a name just because somebody asks for it."""
        return (
            name.endswith(self._wanted.endings)
            and name not in self._wanted.names
            and len(self._waited_for) < MOST_WAITING
            and not self._is_waiting(name)
            and not self._has_spent()
        )

    def _as_kept(self, name: str) -> Standing:
        """How it stands with a name of which nothing is written down."""
        kept = self._shelf.get(name)
        if kept is None:
            return Standing()
        return Standing(begins=kept.begins, ends=kept.ends, next_at=kept.renewed_at)

    def _is_ours(self, name: str) -> bool:
        """Whether a name is, or may be, one of this network as it is now."""
        return name in self._wanted.names or name.endswith(self._wanted.endings)

    def _has_spent(self) -> bool:
        while self._begun and self._begun[0] < self._now() - 3600:
            self._begun.popleft()
        return len(self._begun) >= MOST_IN_AN_HOUR

    def _is_waiting(self, name: str) -> bool:
        """Whether the last try failed, and it is too early for the next."""
        standing = self._journal.of(name)
        return bool(standing.failure) and self._now() < standing.next_at

    def due(self) -> Iterable[str]:
        """Give the names to get now: ours first, then who is waited for, then what runs out."""
        held = (name for name, _ in self._shelf if self._is_ours(name))
        asked = (*self._wanted.names, *self._waited_for, *held, *self._journal.names)
        for name in tuple(dict.fromkeys(asked)):
            found = self._shelf.get(name)
            is_fresh = found is not None and not found.is_due(self._now())
            ours = name in self._wanted.names
            if is_fresh or self._is_waiting(name) or (not ours and self._has_spent()):
                there = self._waited_for.pop(name, None)
                if there is not None:
                    there.set()
            else:
                yield name

    def _seconds_to_next(self) -> float:
        """Until something that failed is tried again; what runs out is looked for each hour."""
        again = (one.next_at for one in self._journal.names.values() if one.failure)
        soonest = min(again, default=self._now() + SECONDS_BETWEEN_LOOKS) - self._now()
        return min(max(soonest, 1.0), SECONDS_BETWEEN_LOOKS)

    def _failed(self, name: str, kind: str, reason: str, wait: float) -> None:
        failures = self._journal.of(name).failures + 1
        own = min(FIRST_WAIT * 2 ** min(failures - 1, 20), LONGEST_WAIT)
        if kind == "rateLimited":
            own = max(own, LIMITED_WAIT)
        log.warning("no certificate name=%s failures=%d: %s", name, failures, reason)
        self._note(
            name,
            tried_at=self._now(),
            next_at=self._now() + max(own, wait),
            failures=failures,
            failure=reason[:LONGEST_FAILURE] or kind,
            kind=kind,
        )

    def _forget(self, name: str) -> None:
        """Let go of a name that no account has any more."""
        self._shelf.drop(name)
        self._journal = self._journal.without(name).write(self._data)

    def _note(self, name: str, **changes: object) -> None:
        self._journal = self._journal.noted(name, **changes).write(self._data)
