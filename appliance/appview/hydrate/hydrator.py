"""Decide what a page needs and load it, level by level, in a bounded number of reads."""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import dataclass

from appliance.appview.hydrate.actors import (
    known_followers,
    known_likers,
    load_actors,
    load_verifications,
)
from appliance.appview.hydrate.collections import (
    load_generators,
    load_labelers,
    load_lists,
    load_pack_contents,
    load_starter_packs,
)
from appliance.appview.hydrate.gates import load_gates
from appliance.appview.hydrate.hydration import Audience, Hydration, Viewer
from appliance.appview.hydrate.labels import load_labels
from appliance.appview.hydrate.posts import (
    load_post_states,
    load_posts,
    load_reposts,
    load_subject_likes,
    muted_threads,
)
from appliance.appview.hydrate.relations import (
    load_blocks,
    load_public_relations,
    load_relations,
)
from appliance.appview.hydrate.rows import PostRow
from appliance.appview.media import MediaUrls
from appliance.appview.viewer_state import ViewerState
from appliance.atproto.syntax import Did
from appliance.base.database import Database

# A quote shows the quote in it, and that one shows no further.
QUOTE_LEVELS = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """What the operator decided about others: what is taken down, whose verifications count."""

    taken_down: Set[str]
    verifiers: Set[str] = frozenset()
    # Told what is shown to whom, so that their labelers can be asked about it.
    on_shown: Callable[[Audience, Sequence[str]], None] = lambda audience, uris: None


class Hydrator:
    """Load the rows behind the ids of a skeleton, for one audience."""

    def __init__(
        self,
        index: Database,
        viewers: ViewerState,
        media: MediaUrls,
        now_us: Callable[[], int],
        standing: Standing,
    ) -> None:
        self._index = index
        self._viewers = viewers
        self._media = media
        self._now_us = now_us
        self._standing = standing

    def empty(self, audience: Audience) -> Hydration:
        """Give a hydration with nothing loaded yet."""
        standing = self._standing
        return Hydration(
            audience,
            self._media,
            self._now_us(),
            taken_down=standing.taken_down,
            verifiers=standing.verifiers,
        )

    def bare(self, actor_id: int) -> Hydration:
        """Load one account and no more, for nobody: to see whether it may be shown at all."""
        into = self.empty(Audience(None))
        load_actors(self._index, into, (actor_id,))
        return into

    def relationships(self, actor_id: int, others: Collection[int]) -> Hydration:
        """Load what repos say of one account and others, with the lists it goes through."""
        did = Did.unchecked(self.bare(actor_id).did(actor_id) or "")
        into = self.empty(Audience(Viewer(did, actor_id)))
        load_actors(self._index, into, {actor_id, *others})
        load_public_relations(self._index, into, others)
        self._load_named_lists(into, _lists_between(into))
        return into

    def actors(
        self, audience: Audience, ids: Collection[int], *, with_known_followers: bool = False
    ) -> Hydration:
        """Load accounts, for profile views."""
        into = self.empty(audience)
        shown: set[int] = set()
        viewer = audience.id
        if with_known_followers and viewer is not None:
            for actor in ids:
                into.known_followers[actor] = known_followers(self._index, viewer, actor)
                shown.update(into.known_followers[actor][1])
        load_actors(self._index, into, {*ids, *shown})
        packs = {
            row.joined_via_id
            for actor in ids
            if (row := into.actors.get(actor)) is not None and row.joined_via_id is not None
        }
        owners = self._load_collections(into, packs)
        self._finish(into, {*ids, *shown, *owners})
        return into

    def posts(self, audience: Audience, ids: Iterable[int], *, chains: bool = True) -> Hydration:
        """Load posts with authors, quotes and gates; with chains also what they reply to."""
        return self.feed(audience, ids, (), chains=chains)

    def thread(self, audience: Audience, anchor: int, others: Iterable[int]) -> Hydration:
        """Load the posts of a thread, and whom the viewer knows of those who like its anchor."""
        likers = None if audience.id is None else known_likers(self._index, audience.id, anchor)
        known = () if likers is None else likers[1]
        into = self.feed(audience, [anchor, *others], (), actors=known)
        if likers is not None:
            into.known_likers[anchor] = likers
        return into

    def feed(
        self,
        audience: Audience,
        posts: Iterable[int],
        reposts: Iterable[int],
        *,
        actors: Iterable[int] = (),
        chains: bool = True,
    ) -> Hydration:
        """Load posts, the reposts that brought them, and further accounts."""
        into = self.empty(audience)
        shown = load_posts(self._index, into, posts)
        extra = set(actors)
        reposts = list(reposts)
        if reposts:
            load_reposts(self._index, into, reposts)
            extra.update(row.actor_id for row in into.reposts.values())
        if chains:
            shown += load_posts(self._index, into, _chain(shown))
            # Of a grandparent only the author is shown.
            load_posts(self._index, into, {p.parent_id for p in shown if p.parent_id is not None})
        embeds = self._load_quotes(into, shown)
        owners = {row.actor_id for row in into.posts.values()}
        owners |= {row.actor_id for row in into.subjects.values()}
        owners |= self._load_collections(into, embeds)
        self._finish(into, owners | extra)
        self._finish_posts(into)
        return into

    def notifications(
        self,
        audience: Audience,
        authors: Collection[int],
        threads: Collection[int],
        uris: Iterable[str],
    ) -> Hydration:
        """Load authors of notifications, which of these threads are muted, and labels."""
        into = self.empty(audience)
        self._finish(into, authors)
        load_posts(self._index, into, threads)
        into.muted_threads = muted_threads(self._viewers, into, threads)
        load_labels(self._index, into, uris)
        return into

    def collections(
        self, audience: Audience, ids: Collection[int], *, actors: Iterable[int] = ()
    ) -> Hydration:
        """Load lists, feed generators, starter packs and labelers, and further accounts."""
        into = self.empty(audience)
        owners = self._load_collections(into, ids)
        self._finish(into, owners | set(actors))
        return into

    def starter_packs(self, audience: Audience, ids: Collection[int]) -> Hydration:
        """Load starter packs with their lists, a sample of who is on them, and their feeds."""
        into = self.empty(audience)
        load_starter_packs(self._index, into, ids)
        load_pack_contents(self._index, into)
        owners = self._load_collections(into, into.collections_of_packs())
        sample = {actor for items in into.list_samples.values() for actor, _ in items}
        self._finish(into, owners | sample)
        return into

    def _load_quotes(self, into: Hydration, posts: list[PostRow]) -> set[int]:
        """Load quoted posts, as deep as they are shown; give the ids that are no posts."""
        level = posts
        others: set[int] = set()
        for _ in range(QUOTE_LEVELS):
            quoted = {post.quote_id for post in level if post.quote_id is not None}
            load_posts(self._index, into, quoted)
            level = [into.posts[post] for post in quoted if post in into.posts]
            others |= quoted - into.posts.keys()
        return others

    def _load_collections(self, into: Hydration, ids: Collection[int]) -> set[int]:
        """Load what is embedded besides posts; give whose it is."""
        if not ids:
            return set()
        load_lists(self._index, into, ids)
        load_generators(self._index, into, ids)
        load_starter_packs(self._index, into, ids)
        load_labelers(self._index, into, ids)
        load_subject_likes(self._index, into, [*into.generators, *into.labelers])
        return {
            row.actor_id
            for rows in (into.lists, into.generators, into.starter_packs, into.labelers)
            for row in rows.values()
        }

    def _finish(self, into: Hydration, actors: Collection[int]) -> None:
        """Load accounts, their relation to the viewer, and all labels."""
        load_actors(self._index, into, actors)
        load_verifications(self._index, into, actors)
        load_relations(self._index, self._viewers, into, actors)
        self._load_named_lists(into, _lists_between(into))
        if into.audience.labelers:
            uris = _labelled(into)
            load_labels(self._index, into, uris)
            self._standing.on_shown(into.audience, uris)

    def _load_named_lists(self, into: Hydration, ids: Collection[int]) -> None:
        """Load lists that are only named, with their owners: a hidden owner hides the list."""
        if ids:
            load_lists(self._index, into, ids)
            load_actors(self._index, into, {into.lists[i].actor_id for i in ids if i in into.lists})

    def _finish_posts(self, into: Hydration) -> None:
        """Load what needs posts and relations: gates, the viewer's marks, others' blocks."""
        posts = into.posts
        load_gates(self._index, into, posts.values())
        lists = {list_id for gate in into.gates.values() for list_id in gate.lists}
        self._load_named_lists(into, lists)
        load_post_states(self._index, self._viewers, into, posts.keys())
        load_blocks(self._index, into, _pairs(into))


def _lists_between(into: Hydration) -> set[int]:
    """Name the lists by which somebody is muted or blocked."""
    return {
        list_id
        for relation in into.relations.values()
        for list_id in (
            relation.muted_by_list,
            relation.blocking_by_list,
            relation.blocked_by_list,
        )
        if list_id is not None
    }


def _chain(posts: Iterable[PostRow]) -> set[int]:
    """Name the parents and roots of replies."""
    return {id_ for post in posts for id_ in (post.parent_id, post.root_id) if id_ is not None}


def _pairs(into: Hydration) -> set[tuple[int, int]]:
    """Pair each author with those they answer or quote: a block there hides the relation."""
    pairs = set()
    for post in into.posts.values():
        for other in (post.parent_id, post.root_id, post.quote_id):
            owner = None if other is None else into.owner(other)
            if owner is not None:
                pairs.add((post.actor_id, owner))
    return pairs


def _labelled(into: Hydration) -> list[str]:
    """List everything on the page that can bear labels."""
    uris = [row.did for row in into.actors.values()]
    uris += [f"at://{did}/app.bsky.actor.profile/self" for did in uris]
    for rows in (into.posts, into.lists, into.generators, into.starter_packs, into.labelers):
        uris += [row.uri for row in rows.values()]
    return uris
