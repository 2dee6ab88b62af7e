"""Times as people say them, with the exact one in the markup and on hover."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from appliance.base.strings import Strings

_AGES: Final = ((3600, 60, "minutes"), (86_400, 3600, "hours"), (7 * 86_400, 86_400, "days"))


class When:
    """Write a time, given in RFC 3339 or in seconds since 1970; of one to come, the day."""

    def __init__(self, words: Strings, now: Callable[[], float]) -> None:
        self._words = words
        self._now = now

    def __call__(self, moment: str | float) -> Markup:
        if isinstance(moment, str):
            exact = datetime.fromisoformat(moment).astimezone(UTC)
        else:
            exact = datetime.fromtimestamp(moment, UTC)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            exact.isoformat(timespec="seconds"),
            exact.strftime("%Y-%m-%d %H:%M UTC"),
            self._said(self._now() - exact.timestamp(), exact),
        )

    def _said(self, age: float, exact: datetime) -> str:
        if -60 < age < 60:
            return self._words("time.now")
        for limit, seconds, name in _AGES:
            if 0 <= age < limit:
                return self._words(f"time.{name}", count=int(age // seconds))
        month = self._words(f"time.month_{exact.month}")
        return self._words("time.date", day=exact.day, month=month, year=exact.year)
