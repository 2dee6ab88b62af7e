"""What one answer is made from: rows by id, and who may see what of them."""

from collections.abc import Set
from dataclasses import dataclass, field

import orjson

from appliance.appview.hydrate.rows import (
    ActorRow,
    Declaration,
    Gate,
    GeneratorRow,
    LabelerRow,
    ListRow,
    PostRow,
    PostState,
    Relation,
    RepostRow,
    StarterPackRow,
    SubjectRow,
    VerificationRow,
)
from appliance.appview.media import MediaUrls
from appliance.atproto.syntax import Did, JsonObject

NO_RELATION = Relation()
NO_POST_STATE = PostState()


@dataclass(frozen=True, slots=True)
class Labeler:
    """A labeler whose labels the viewer wants; redact = its takedowns remove content."""

    did: str
    redact: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. id is None for an account the index has not seen yet."""

    did: Did
    id: int | None


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom an answer is made: the viewer, if somebody is signed in, and their labelers."""

    viewer: Viewer | None
    labelers: tuple[Labeler, ...] = ()

    @property
    def id(self) -> int | None:
        """The viewer's id in the index."""
        return None if self.viewer is None else self.viewer.id

    @property
    def caller(self) -> Did | None:
        """Who asks; None: nobody is signed in."""
        return None if self.viewer is None else self.viewer.did


@dataclass(frozen=True, slots=True)
class SignedIn(Audience):
    """An audience with a viewer."""

    viewer: Viewer

    @property
    def did(self) -> Did:
        return self.viewer.did


@dataclass(slots=True)
class Hydration:
    """Loaded rows by id. The methods hide what takedowns, statuses and blocks hide.

    Views read posts and accounts through these methods only, so each rule stands here once.
    """

    audience: Audience
    media: MediaUrls
    now_us: int
    taken_down: Set[str] = frozenset()
    actors: dict[int, ActorRow] = field(default_factory=dict)
    declarations: dict[int, dict[str, Declaration]] = field(default_factory=dict)
    # Whose verifications are believed here, and what they say of accounts.
    verifiers: Set[str] = frozenset()
    verifications: dict[int, list[VerificationRow]] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    known_followers: dict[int, tuple[int, list[int]]] = field(default_factory=dict)
    op_likes: dict[int, str] = field(default_factory=dict)
    known_likers: dict[int, tuple[int, list[int]]] = field(default_factory=dict)
    blocks: set[tuple[int, int]] = field(default_factory=set)
    subjects: dict[int, SubjectRow] = field(default_factory=dict)
    posts: dict[int, PostRow] = field(default_factory=dict)
    reposts: dict[int, RepostRow] = field(default_factory=dict)
    post_states: dict[int, PostState] = field(default_factory=dict)
    muted_threads: set[int] = field(default_factory=set)
    bookmark_counts: dict[str, int] = field(default_factory=dict)
    subject_likes: dict[int, str] = field(default_factory=dict)
    gates: dict[int, Gate] = field(default_factory=dict)
    unquotable: set[int] = field(default_factory=set)
    detached: set[tuple[int, int]] = field(default_factory=set)
    lists: dict[int, ListRow] = field(default_factory=dict)
    # How many stand on lists, as far as it was counted, and how many items that took.
    item_counts: dict[int, int | None] = field(default_factory=dict)
    items_counted: int = 0
    list_blocks: dict[int, str] = field(default_factory=dict)
    muted_lists: set[int] = field(default_factory=set)
    generators: dict[int, GeneratorRow] = field(default_factory=dict)
    starter_packs: dict[int, StarterPackRow] = field(default_factory=dict)
    # The newest on the list of a starter pack, (account, record key), and the pack's feeds.
    list_samples: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    pack_feeds: dict[int, list[int]] = field(default_factory=dict)
    labelers: dict[int, LabelerRow] = field(default_factory=dict)
    labels: dict[str, list[orjson.Fragment]] = field(default_factory=dict)
    label_values: dict[str, set[str]] = field(default_factory=dict)
    redacted: set[str] = field(default_factory=set)
    # Views made so far: one author or one root often stands on a page many times.
    basic_views: dict[int, JsonObject] = field(default_factory=dict)
    profile_views: dict[int, JsonObject] = field(default_factory=dict)
    post_views: dict[int, JsonObject] = field(default_factory=dict)
    _shown: dict[int, ActorRow | None] = field(default_factory=dict)

    @property
    def viewer_id(self) -> int | None:
        return self.audience.id

    def is_removed(self, subject: str) -> bool:
        """Whether our operator, or a labeler the viewer lets do so, took a DID or URI down."""
        return subject in self.taken_down or subject in self.redacted

    def actor(self, actor_id: int) -> ActorRow | None:
        """Give an account, unless it is unknown, inactive or taken down.

        Asked for the first time when everything is loaded, many times then.
        """
        try:
            return self._shown[actor_id]
        except KeyError:
            row = self.actors.get(actor_id)
            if row is not None and (
                not row.is_active or not row.is_known or self.is_removed(row.did)
            ):
                row = None
            self._shown[actor_id] = row
            return row

    def did(self, actor_id: int) -> str | None:
        """Give an account's DID, also of one that is hidden."""
        row = self.actors.get(actor_id)
        return None if row is None else row.did

    def post(self, post_id: int) -> PostRow | None:
        """Give a post, unless it or its author is missing or hidden. Blocks are not looked at."""
        row = self.posts.get(post_id)
        if row is None or self.is_removed(row.uri):
            return None
        return row if self.actor(row.actor_id) is not None else None

    def generator(self, generator_id: int) -> GeneratorRow | None:
        """Give a feed generator, unless it or its author is missing or hidden."""
        row = self.generators.get(generator_id)
        if row is None or self.is_removed(row.uri):
            return None
        return row if self.actor(row.actor_id) is not None else None

    def starter_pack(self, pack_id: int) -> StarterPackRow | None:
        """Give a starter pack, unless it or its author is missing or hidden."""
        row = self.starter_packs.get(pack_id)
        if row is None or self.is_removed(row.uri):
            return None
        return row if self.actor(row.actor_id) is not None else None

    def list_(self, list_id: int) -> ListRow | None:
        """Give a list, unless it or its author is missing or hidden."""
        row = self.lists.get(list_id)
        if row is None or self.is_removed(row.uri):
            return None
        return row if self.actor(row.actor_id) is not None else None

    def labeler(self, labeler_id: int) -> LabelerRow | None:
        """Give a labeler, unless it or its account is missing or hidden."""
        row = self.labelers.get(labeler_id)
        if row is None or self.is_removed(row.uri):
            return None
        return row if self.actor(row.actor_id) is not None else None

    def collections_of_packs(self) -> set[int]:
        """Name the lists and feeds of the starter packs."""
        lists = {pack.list_id for pack in self.starter_packs.values()}
        return lists.union(*self.pack_feeds.values())

    def uri(self, subject_id: int) -> str | None:
        """Give the address of a post or of anything else that was pointed to."""
        post = self.posts.get(subject_id)
        if post is not None:
            return post.uri
        subject = self.subjects.get(subject_id)
        return None if subject is None else subject.uri

    def owner(self, subject_id: int) -> int | None:
        """Give the account whose repo the address names."""
        post = self.posts.get(subject_id)
        if post is not None:
            return post.actor_id
        subject = self.subjects.get(subject_id)
        return None if subject is None else subject.actor_id

    def relation(self, actor_id: int) -> Relation:
        return self.relations.get(actor_id, NO_RELATION)

    def post_state(self, post_id: int) -> PostState:
        return self.post_states.get(post_id, NO_POST_STATE)

    def is_blocked(self, actor_id: int) -> bool:
        """Whether a block stands between the viewer and this account, either way."""
        relation = self.relations.get(actor_id)
        return relation is not None and relation.is_blocked

    def is_muted(self, actor_id: int) -> bool:
        relation = self.relations.get(actor_id)
        return relation is not None and relation.is_muted

    def blocked_between(self, one: int, other: int) -> bool:
        """Whether a block stands between two accounts other than the viewer."""
        return (one, other) in self.blocks or (other, one) in self.blocks
