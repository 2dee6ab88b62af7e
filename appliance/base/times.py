"""Times as people say them, with the exact one in the markup and on hover."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from appliance.base.strings import Strings

_AGES: Final = ((3600, 60, "minutes"), (86_400, 3600, "hours"), (7 * 86_400, 86_400, "days"))

_WAITS: Final = (
    (300, 60, "time.soon"),
    (5400, 60, "time.in_minutes"),
    (48 * 3600, 3600, "time.in_hours"),
)


class When:
    """Write a time, given in RFC 3339 or in seconds since 1970; of one to come, the day."""

    def __init__(self, words: Strings, now: Callable[[], float]) -> None:
        self._words = words
        self._now = now

    def __call__(self, moment: str | float) -> Markup:
        exact = self._exact(moment)
        return self._marked(exact, self._said(self._now() - exact.timestamp(), exact))

    def ahead(self, moment: str | float) -> Markup:
        """Write one to come by how long that is from now; what is past or near is soon."""
        exact = self._exact(moment)
        wait = exact.timestamp() - self._now()
        for limit, seconds, name in _WAITS:
            if wait < limit:
                return self._marked(exact, self._words(name, count=round(wait / seconds)))
        return self._marked(exact, self._said(-wait, exact))

    def _exact(self, moment: str | float) -> datetime:
        if isinstance(moment, str):
            return datetime.fromisoformat(moment).astimezone(UTC)
        return datetime.fromtimestamp(moment, UTC)

    def _marked(self, exact: datetime, said: str) -> Markup:
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            exact.isoformat(timespec="seconds"),
            exact.strftime("%Y-%m-%d %H:%M UTC"),
            said,
        )

    def _said(self, age: float, exact: datetime) -> str:
        if -60 < age < 60:
            return self._words("time.now")
        for limit, seconds, name in _AGES:
            if 0 <= age < limit:
                return self._words(f"time.{name}", count=int(age // seconds))
        month = self._words(f"time.month_{exact.month}")
        return self._words("time.date", day=exact.day, month=month, year=exact.year)
