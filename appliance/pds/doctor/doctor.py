"""Everything the PDS can look into of itself, within the time that a person waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from appliance.base.apart import apart
from appliance.pds.doctor import mail_checks
from appliance.pds.doctor.identity_rounds import IdentityRounds
from appliance.pds.doctor.reach import Reach
from appliance.pds.mail_server import MailServer
from appliance.pds.mending.mending import Mending
from appliance.upkeep.causes import told_apart
from appliance.upkeep.checkup import Finding

FIRST_SECONDS: Final = 180.0
AGAIN_SECONDS: Final = 12 * 3600.0


@dataclass(frozen=True)
class Post:
    """How mail leaves: the server, if there is one; from whom it comes; who reads it here."""

    server: MailServer | None
    sender: str
    contact: str = ""


@dataclass
class Examination:
    """The last look, or the one under way.

    `step` says what is looked at now; `begun` and `ended` are 0 before the first has.
    """

    is_running: bool = False
    step: str = ""
    begun: float = 0.0
    ended: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class Doctor:
    """Looks at the way in, at identities, at mail and at what is kept, when it is asked."""

    def __init__(
        self,
        reach: Reach,
        identities: IdentityRounds,
        post: Post,
        mending: Mending,
        now: Callable[[], float],
    ) -> None:
        self.reach = reach
        self.identities = identities
        self.post = post
        self.mending = mending
        self._now = now
        self._one_look = asyncio.Lock()
        self._lookers = 0
        self.last = Examination()

    async def examine(self) -> list[Finding]:
        """Look at everything; who asks while somebody looks is told what that one finds."""
        if self._one_look.locked():
            async with self._one_look:
                return self.last.findings
        async with self._looking():
            await self._look_at_everything()
        return self.last.findings

    def troubles(self) -> list[Finding]:
        """Give what the last look found that is not well."""
        return [one for one in self.last.findings if one.level != "good"]

    async def run(self) -> None:
        """Look now and then, a while after the start; a worker."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.examine()
            await asyncio.sleep(AGAIN_SECONDS)

    async def look_once(self) -> None:
        """The same, for a worker."""
        await self.examine()

    async def mend(self, place: str) -> None:
        """Have again what is damaged, then look; `place` is one more server to ask. A worker."""
        async with self._looking():
            self._note("mending")
            await self.mending.mend(place)
            await self._look_at_everything()

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        """Look one after the other; `is_running` until nobody looks or waits to."""
        self._lookers += 1
        self.last.is_running = True
        try:
            async with self._one_look:
                yield
        finally:
            self._lookers -= 1
            self.last.is_running = self._lookers > 0
            self.last.step = ""

    async def _look_at_everything(self) -> None:
        self.last.begun = self._now()
        self.last.findings = told_apart(await self._look())
        self.last.ended = self._now()

    async def _look(self) -> list[Finding]:
        found = await self.reach.look(
            await self.identities.handle_below(self.reach.place.domains), self._note
        )
        self._note("identities")
        found += await self.identities.look()
        place = self.reach.place
        if place.kind == "public":
            self._note("domains")
            webs = await self.identities.web_names()
            found += await self.reach.domains.look([place.hostname, *place.domains, *webs])
        if self.post.server is not None:
            self._note("mail")
            found += await apart("mail check", partial(self._mail, self.post.server))
        self._note("content")
        found += await self.mending.look()
        return found

    def _mail(self, server: MailServer) -> list[Finding]:
        return list(mail_checks.look(server, self.post.sender, self.post.contact))

    def _note(self, step: str) -> None:
        self.last.step = step
