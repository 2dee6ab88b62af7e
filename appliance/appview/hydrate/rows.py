"""The shapes of loaded rows. Field order is column order in the statement that loads them."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

# The fields of an ActorRow from here on are its profile record's.
_PROFILE_FIELDS: Final = 14


class ActorRow(NamedTuple):
    """An account with its profile record; profile fields are None when it has none."""

    id: int
    did: str
    handle: str | None
    status: str | None
    rev: str | None
    created_us: int | None
    indexed_us: int
    followers_count: int
    follows_count: int
    posts_count: int
    lists_count: int
    feedgens_count: int
    starter_packs_count: int
    is_labeler: int
    profile_cid: str | None
    profile_indexed_us: int | None
    display_name: str | None
    description: str | None
    avatar: str | None
    banner: str | None
    pinned_id: int | None
    joined_via_id: int | None
    record: str | None

    def without_profile(self) -> Self:
        """Give the account as if it had no profile record."""
        nothing = (None,) * (len(self) - _PROFILE_FIELDS)
        return type(self)._make((*self[:_PROFILE_FIELDS], *nothing))

    @property
    def is_known(self) -> bool:
        """Whether we heard of the account itself, not only of its DID."""
        return self.handle is not None or self.rev is not None

    @property
    def is_active(self) -> bool:
        return self.status is None


class VerificationRow(NamedTuple):
    """A verification of an account by one of the verifiers trusted here."""

    issuer_id: int
    rkey: str
    handle: str
    display_name: str
    created_us: int


class Declaration(NamedTuple):
    """A record there is one of per account, as JSON text."""

    cid: str
    indexed_us: int
    record: str


class PostRow(NamedTuple):
    """A post and its counts."""

    id: int
    uri: str
    actor_id: int
    like_count: int
    repost_count: int
    reply_count: int
    quote_count: int
    cid: str
    indexed_us: int
    sort_us: int
    parent_id: int | None
    root_id: int | None
    invalid_root: int
    violates_threadgate: int
    quote_id: int | None
    violates_postgate: int
    embed: str | None
    record: str

    @property
    def thread_id(self) -> int:
        """The post a threadgate for this one stands at."""
        return self.id if self.root_id is None else self.root_id


class SubjectRow(NamedTuple):
    """The address of anything a record points to, and whose repo it names."""

    id: int
    uri: str
    actor_id: int
    like_count: int


class RepostRow(NamedTuple):
    """A repost, as the reason a post stands in a feed."""

    id: int
    uri: str
    cid: str
    actor_id: int
    indexed_us: int


class FeedItem(NamedTuple):
    """A place in a feed: a post, and the repost that brought it if id is not the post's own."""

    sort_us: int
    id: int
    actor_id: int
    post_id: int
    pinned: bool = False

    @property
    def repost_id(self) -> int | None:
        return None if self.id == self.post_id else self.id


class ListRow(NamedTuple):
    """A list and how many are on it; None where that is not counted."""

    id: int
    uri: str
    actor_id: int
    cid: str
    purpose: str
    name: str
    avatar: str | None
    indexed_us: int
    record: str
    item_count: int | None


class GeneratorRow(NamedTuple):
    """A feed generator."""

    id: int
    uri: str
    actor_id: int
    like_count: int
    cid: str
    service_did: str
    display_name: str
    avatar: str | None
    indexed_us: int
    record: str


class StarterPackRow(NamedTuple):
    """A starter pack, how many are on its list, if that is counted, and how many came by it."""

    id: int
    uri: str
    actor_id: int
    cid: str
    list_id: int
    indexed_us: int
    record: str
    joined_count: int
    joined_week_count: int
    item_count: int | None


class LabelerRow(NamedTuple):
    """A labeler service record."""

    id: int
    uri: str
    actor_id: int
    like_count: int
    cid: str
    indexed_us: int
    record: str


class GateRow(NamedTuple):
    """A threadgate or postgate record."""

    post_id: int
    uri: str
    cid: str
    record: str


@dataclass(slots=True)
class Relation:
    """What stands between the viewer and another account. Record keys, list ids, or nothing."""

    following: str | None = None
    followed_by: str | None = None
    blocking: str | None = None
    blocked_by: str | None = None
    blocking_by_list: int | None = None
    blocked_by_list: int | None = None
    muted: bool = False
    muted_only_reposts: bool = False
    muted_only_quoteposts: bool = False
    muted_by_list: int | None = None
    told_of_posts: bool = False
    told_of_replies: bool = False

    @property
    def blocks(self) -> bool:
        """Whether the viewer blocks the account."""
        return self.blocking is not None or self.blocking_by_list is not None

    @property
    def is_blocked_by(self) -> bool:
        """Whether the account blocks the viewer."""
        return self.blocked_by is not None or self.blocked_by_list is not None

    @property
    def is_blocked(self) -> bool:
        """Whether any block stands between the two."""
        return self.blocks or self.is_blocked_by

    @property
    def is_muted(self) -> bool:
        return self.muted or self.muted_by_list is not None


@dataclass(slots=True)
class PostState:
    """What the viewer did with a post: record keys of their like and repost."""

    like: str | None = None
    repost: str | None = None
    bookmarked: bool = False
    thread_muted: bool = False


@dataclass(slots=True)
class Gate:
    """A threadgate and what its rules say about the viewer."""

    row: GateRow
    lists: list[int] = field(default_factory=list)
    viewer_may_reply: bool = True
