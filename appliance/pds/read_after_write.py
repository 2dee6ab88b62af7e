"""Read your own writes through an AppView that is somebody else's and lags behind.

Such an AppView says in `atproto-repo-rev` how far it has read the member's repo. What the member
wrote after that, profile and posts, is put into its answer here. Our own AppView waits instead.
What it says is not trusted: an answer is changed only if it fits its lexicon, before and after.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from appliance.atproto import cbor, data
from appliance.atproto.lexicon.errors import InvalidValue
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import AtUri, Did, InvalidSyntax, Nsid, RecordKey
from appliance.atproto.tid import Tid
from appliance.pds.accounts import AccountStore
from appliance.pds.own_views import Ask, Author, ImageAddress, OwnViews, View, written_at
from appliance.pds.records import POST, PROFILE, NewRecord, RecordNotFound, RecordStore

_SELF: Final = RecordKey.unchecked("self")
_PINNED: Final = "~"  # after every moment
_THREAD: Final = "app.bsky.feed.defs#threadViewPost"


@dataclass(frozen=True)
class Question:
    """What a member asked; `rev` is how far the AppView has read their repo."""

    nsid: Nsid
    params: Mapping[str, str]
    did: Did
    rev: Tid
    ask: Ask


@dataclass(frozen=True)
class Patched:
    """An answer with what was missing; `oldest_us` is when the oldest of that was written."""

    body: bytes
    oldest_us: int


@dataclass(frozen=True)
class _News:
    """What the AppView has not read yet."""

    author: Author
    has_profile: bool
    posts: list[NewRecord]
    views: OwnViews

    def is_me(self, view: View) -> bool:
        return bool(view["did"] == self.author.did)


class OwnWrites:
    """Put what members wrote last into the answers of AppViews that have not read it yet."""

    def __init__(
        self,
        records: RecordStore,
        accounts: AccountStore,
        validator: Validator,
        image: ImageAddress,
    ) -> None:
        self._records = records
        self._accounts = accounts
        self._validator = validator
        self._image = image

    def newer(self, did: Did, rev: Tid) -> list[NewRecord]:
        """Give the member's own valid profile and posts that are newer than `rev`."""
        return [each for each in self._records.newer(did, rev) if self._is_valid(each)]

    async def patch(
        self, question: Question, newer: list[NewRecord], body: bytes
    ) -> Patched | None:
        """Put `newer` into a good answer; None where the answer is to stay as it is."""
        patch = PATCHES[question.nsid]
        answer = self._parsed(question.nsid, body)
        # An AppView that knows an older repo of the account (before a move) knows nothing of this.
        if answer is None or not await self._records.has_older(question.did, question.rev):
            return None
        patched = await patch(question, self._news(question, newer), answer)
        return self._written(question, newer, patched)

    async def found_here(self, question: Question, newer: list[NewRecord]) -> Patched | None:
        """Answer for a thread that the AppView does not find: it may be a new post of the member.

        Only for getPostThread.
        """
        uri = self._own_uri(question)
        new = next((each for each in newer if each.uri == uri), None)
        if new is None or not await self._records.has_older(question.did, question.rev):
            return None
        news = self._news(question, newer)
        post = await news.views.post(new)
        thread: View = {"$type": _THREAD, "post": post}
        for other in news.posts:
            await _insert_reply(news, thread, other)
        parent = await _parent(question, post["record"])
        if parent is not None:
            thread["parent"] = parent
        return self._written(question, newer, {"thread": thread})

    def _news(self, question: Question, newer: list[NewRecord]) -> _News:
        account = self._accounts.require(question.did)
        author = Author(account.did, account.handle, self._profile(account.did))
        return _News(
            author=author,
            has_profile=any(each.uri.collection == PROFILE for each in newer),
            posts=[each for each in newer if each.uri.collection == POST],
            views=OwnViews(author, newer, self._image, question.ask),
        )

    def _profile(self, did: Did) -> View:
        """The member's profile record; empty if there is none, or none that fits its lexicon."""
        try:
            found: Any = self._records.get(did, PROFILE, _SELF).value
            self._validator.record(PROFILE, data.from_json(found))
        except (RecordNotFound, InvalidValue):
            return {}
        return dict(found)

    def _is_valid(self, record: NewRecord) -> bool:
        try:
            self._validator.record(str(record.uri.collection), cbor.decode(record.block))
        except InvalidValue:
            return False
        return True

    def _parsed(self, nsid: Nsid, body: bytes) -> Any:
        try:
            answer = data.loads(body)
            self._validator.output(nsid, answer)
        except (data.InvalidData, InvalidValue):
            return None
        return answer

    def _own_uri(self, question: Question) -> AtUri | None:
        """The URI asked for, with the member's DID in the place of their handle."""
        try:
            uri = AtUri(question.params.get("uri", ""))
        except InvalidSyntax:
            return None
        handle = self._accounts.require(question.did).handle
        rest = uri.removeprefix("at://").partition("/")[2]
        return AtUri.unchecked(f"at://{question.did}/{rest}") if uri.authority == handle else uri

    def _written(self, question: Question, newer: list[NewRecord], answer: View) -> Patched | None:
        try:
            self._validator.output(question.nsid, answer)
        except InvalidValue:
            return None
        return Patched(data.dumps(answer), min(each.rev.to_us() for each in newer))


async def _profile(question: Question, news: _News, answer: View) -> View:
    return news.views.detailed(answer) if news.has_profile and news.is_me(answer) else answer


async def _profiles(question: Question, news: _News, answer: View) -> View:
    shown = [await _profile(question, news, view) for view in answer["profiles"]]
    return {**answer, "profiles": shown}


async def _timeline(question: Question, news: _News, answer: View) -> View:
    return {**answer, "feed": await _with_posts(question, news, answer["feed"], news.posts)}


async def _author_feed(question: Question, news: _News, answer: View) -> View:
    if question.params.get("actor", "").lower() not in (news.author.did, news.author.handle):
        return answer
    fits = _FILTERS.get(question.params.get("filter", ""), _any)
    posts = [each for each in news.posts if fits(cbor.decode(each.block), news.author.did)]
    feed = _renamed(news, answer["feed"])
    return {**answer, "feed": await _with_posts(question, news, feed, posts)}


async def _actor_likes(question: Question, news: _News, answer: View) -> View:
    return {**answer, "feed": _renamed(news, answer["feed"])}


async def _post_thread(question: Question, news: _News, answer: View) -> View:
    if answer["thread"].get("$type") == _THREAD:
        for post in news.posts:
            await _insert_reply(news, answer["thread"], post)
    return answer


def _renamed(news: _News, feed: list[View]) -> list[View]:
    """Show the member by their new profile wherever they are an author."""
    if not news.has_profile:
        return feed
    for item in feed:
        if news.is_me(item["post"]["author"]):
            item["post"]["author"] = news.views.renamed(item["post"]["author"])
    return feed


async def _with_posts(
    question: Question, news: _News, feed: list[View], posts: list[NewRecord]
) -> list[View]:
    """Put posts into a feed by their time; what belongs before or behind the page is left out."""
    there = {item["post"]["uri"] for item in feed}
    times = [time for item in feed if (time := _time(item)) < _PINNED]
    last = times[-1] if times else ""
    first = times[0] if times and question.params.get("cursor") else _PINNED
    shown = list(feed)
    for new in posts:
        time = written_at(new)
        if new.uri not in there and last < time <= first:
            older = (place for place, item in enumerate(shown) if _time(item) <= time)
            shown.insert(next(older, len(shown)), {"post": await news.views.post(new)})
    return shown


def _time(item: View) -> str:
    """The moment by which an item stands where it does: of the post, or of its repost."""
    reason = item.get("reason", {})
    if reason.get("$type") == "app.bsky.feed.defs#reasonPin":
        return _PINNED
    return str(reason.get("indexedAt") or item["post"]["indexedAt"])


async def _insert_reply(news: _News, thread: View, new: NewRecord) -> None:
    """Put a post under the post of a thread that it answers, if that is there."""
    post: Any = cbor.decode(new.block)
    if "reply" not in post:
        return
    reply = post["reply"]
    under = _find(thread, reply["parent"]["uri"])
    if under is None:
        return
    replies = under.setdefault("replies", [])
    if all(_uri(each) != new.uri for each in replies):
        view = await news.views.post(new)
        replies.insert(0, {"$type": _THREAD, "post": view})


def _find(thread: View, uri: str) -> View | None:
    """Find a post of a thread; what is missing or blocked there is passed over."""
    waiting = [thread]
    while waiting:
        each = waiting.pop()
        if each.get("$type") == _THREAD:
            if _uri(each) == uri:
                return each
            waiting += each.get("replies", [])
    return None


def _uri(thread: View) -> str:
    return str(thread["post"]["uri"] if "post" in thread else thread.get("uri", ""))


async def _parent(question: Question, record: View) -> View | None:
    """Ask for what a new post answers, and for as much above that as the member wants."""
    if "reply" not in record:
        return None
    height = question.params.get("parentHeight", "80")
    asked = {"uri": record["reply"]["parent"]["uri"], "parentHeight": height, "depth": "0"}
    answer = await question.ask("app.bsky.feed.getPostThread", asked)
    return answer["thread"] if answer else None


def _any(post: Any, did: Did) -> bool:
    return True


def _no_reply(post: Any, did: Did) -> bool:
    return "reply" not in post


def _own_thread(post: Any, did: Did) -> bool:
    """Whether a post stands alone, or goes on where the member themself began."""
    own = f"at://{did}/"
    ends = post.get("reply", {})
    return all(ends[end]["uri"].startswith(own) for end in ("root", "parent") if ends)


def _has_media(post: Any, did: Did) -> bool:
    embed = post.get("embed", {})
    return "images" in embed or "video" in embed or "media" in embed


def _has_video(post: Any, did: Did) -> bool:
    embed = post.get("embed", {})
    return "video" in embed or "video" in embed.get("media", {})


_FILTERS: Final[Mapping[str, Callable[[Any, Did], bool]]] = {
    "posts_no_replies": _no_reply,
    "posts_and_author_threads": _own_thread,
    "posts_with_media": _has_media,
    "posts_with_video": _has_video,
}
_Patch: TypeAlias = Callable[[Question, _News, Any], Awaitable[View]]
PATCHES: Final[Mapping[str, _Patch]] = {
    "app.bsky.actor.getProfile": _profile,
    "app.bsky.actor.getProfiles": _profiles,
    "app.bsky.feed.getActorLikes": _actor_likes,
    "app.bsky.feed.getAuthorFeed": _author_feed,
    "app.bsky.feed.getPostThread": _post_thread,
    "app.bsky.feed.getTimeline": _timeline,
}
