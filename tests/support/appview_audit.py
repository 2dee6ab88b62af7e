"""What the design says an AppView must have, as data: endpoints by need, semantics by test.

The endpoints are those of the design document in its four classes: without which an official
client is broken (P0), visibly degraded (P1), less nice (P2), and what others call (P3). The
semantics are those it says are easy to get wrong; each names the tests that show it, as
"file: function" below tests/.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tests.support.answered import ALWAYS_REFUSED


def _under(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


ENDPOINTS: Final[Mapping[str, Sequence[str]]] = {
    "P0": (
        *_under(
            "com.atproto.server",
            "createSession refreshSession getSession describeServer getServiceAuth",
        ),
        *_under(
            "com.atproto.repo",
            "createRecord putRecord deleteRecord applyWrites getRecord listRecords uploadBlob",
        ),
        "com.atproto.identity.resolveHandle",
        "com.atproto.sync.getBlob",
        *_under("app.bsky.actor", "getPreferences putPreferences getProfile getProfiles"),
        *_under(
            "app.bsky.feed",
            "getTimeline getAuthorFeed getPosts getFeedGenerators getFeed getFeedGenerator",
        ),
        "app.bsky.unspecced.getPostThreadV2",
        *_under("app.bsky.notification", "listNotifications updateSeen"),
        *_under("app.bsky.graph", "getFollows getFollowers"),
    ),
    "P1": (
        *_under("app.bsky.unspecced", "getPostThreadOtherV2 getPopularFeedGenerators"),
        *_under(
            "app.bsky.feed",
            "getLikes getRepostedBy getQuotes getActorLikes getActorFeeds searchPosts"
            " searchPostsV2 getListFeed sendInteractions",
        ),
        *_under(
            "app.bsky.graph",
            "muteThread unmuteThread getLists getActorStarterPacks getKnownFollowers"
            " getSuggestedFollowsByActor getList getListsWithMembership muteActorList"
            " unmuteActorList getListMutes getListBlocks getBlocks getMutes muteActor unmuteActor",
        ),
        *_under("app.bsky.actor", "searchActorsTypeahead searchActors"),
        "app.bsky.labeler.getServices",
        "com.atproto.moderation.createReport",
        "com.atproto.label.queryLabels",
        *_under(
            "app.bsky.notification",
            "getPreferences putPreferencesV2 putActivitySubscription listActivitySubscriptions",
        ),
        *_under("app.bsky.bookmark", "createBookmark deleteBookmark getBookmarks"),
        *_under("app.bsky.draft", "createDraft updateDraft deleteDraft getDrafts"),
        *_under("app.bsky.video", "getUploadLimits uploadVideo getJobStatus"),
    ),
    "P2": (
        *_under("app.bsky.ageassurance", "begin getConfig getState"),
        *_under(
            "app.bsky.unspecced",
            "getConfig getTrends getTrendingTopics getSuggestedFeeds getSuggestedStarterPacks"
            " getSuggestedUsersForDiscover getSuggestedUsersForExplore"
            " getSuggestedUsersForSeeMore getSuggestedOnboardingUsers"
            " getOnboardingSuggestedStarterPacks",
        ),
        *_under(
            "app.bsky.graph",
            "getStarterPack getStarterPacks getStarterPacksWithMembership searchStarterPacks"
            " searchStarterPacksV2",
        ),
        *_under("app.bsky.notification", "registerPush unregisterPush"),
        "app.bsky.embed.getEmbedExternalView",
        *_under("com.atproto.temp", "checkHandleAvailability checkSignupQueue"),
        *_under(
            "app.bsky.contact",
            "startPhoneVerification verifyPhone importContacts getMatches getSyncStatus"
            " dismissMatch removeData",
        ),
    ),
    "P3": (
        *_under("app.bsky.feed", "getPostThread getSuggestedFeeds"),
        *_under("app.bsky.notification", "getUnreadCount putPreferences"),
        "app.bsky.graph.getRelationships",
        "app.bsky.actor.getSuggestions",
        *_under(
            "app.bsky.unspecced",
            "getAgeAssuranceState initAgeAssurance getTaggedSuggestions"
            " getOnboardingSuggestedStarterPacksSkeleton getOnboardingSuggestedUsersSkeleton"
            " getSuggestedFeedsSkeleton getSuggestedStarterPacksSkeleton"
            " getSuggestedUsersForDiscoverSkeleton getSuggestedUsersForExploreSkeleton"
            " getSuggestedUsersForSeeMoreSkeleton getSuggestedUsersSkeleton"
            " getSuggestionsSkeleton getTrendsSkeleton searchActorsSkeleton searchPostsSkeleton"
            " searchStarterPacksSkeleton",
        ),
    ),
    "beside": (
        "com.atproto.temp.fetchLabels",
        *_under("com.atproto.admin", "getSubjectStatus updateSubjectStatus getAccountInfos"),
    ),
}
NAMED: Final = tuple(nsid for nsids in ENDPOINTS.values() for nsid in nsids)
# Videos, phone numbers and proofs of age are not dealt with here: refused, and by name.
REFUSED: Final = ALWAYS_REFUSED.intersection(NAMED)
PAGES: Final = ("/.well-known/did.json", "/robots.txt", "/xrpc/_health")


class Semantic(NamedTuple):
    """Something easy to get wrong, and the tests that show it ("file: function")."""

    what: str
    tests: Sequence[str]


def _shown(what: str, **files: str) -> Semantic:
    """Name tests by file (without "test_") and the functions in it (without "test_")."""
    return Semantic(
        what,
        tuple(
            f"test_{file}: test_{name}" for file, names in files.items() for name in names.split()
        ),
    )


SEMANTICS: Final = (
    _shown(
        "Blocks both ways, by list too: placeholder, dropped, or refused by name",
        semantics_relations="a_block_list_blocks_both_ways_like_a_block",
        skeletons_threads="a_blocked_author_is_a_placeholder",
        xrpc_app_bsky_feed="blocks_either_way_and_mutes_empty_the_timeline"
        " a_blocked_authors_feed_is_refused_by_name"
        " the_timeline_leaves_out_answers_to_the_blocked",
    ),
    _shown(
        "A third party's block hides the relation only",
        semantics_relations="a_third_partys_block_hides_the_relation_and_not_the_posts",
        skeletons_threads="a_block_between_others_hides_their_relation",
        xrpc_app_bsky_feed_posts="why_a_quote_is_not_shown",
    ),
    _shown(
        "Blocks silence notifications of both",
        semantics_relations="blocks_hide_notifications_from_both_sides",
    ),
    _shown(
        "A blocked profile is shown with the block and without follows",
        xrpc_app_bsky_actor="a_blocked_profile_shows_the_block_and_no_follow",
    ),
    _shown(
        "Mutes: timeline, replies, notifications, not the profile; scoped mutes; private",
        semantics_relations="a_mute_does_not_act_on_the_profile_itself"
        " a_scoped_mute_acts_in_the_timeline_only a_repost_by_or_of_the_muted_leaves_the_timeline",
        skeletons_threads="hidden_muted_and_pin_replies_are_put_aside",
        xrpc_app_bsky_notification="blocks_and_mutes_silence_an_account",
        viewer_state="mutes_are_private_and_can_be_partial",
    ),
    _shown(
        "Only moderation lists mute and block",
        xrpc_app_bsky_graph="a_muted_list_mutes_its_members",
        xrpc_app_bsky_actor="a_block_list_blocks_its_members",
    ),
    _shown(
        "Threadgate: same repo and key, rules, nobody but the author, hidden replies",
        semantics_records="a_gate_rules_only_under_the_posts_own_key",
        index_replies="an_empty_gate_lets_in_nobody_but_the_author"
        " a_gate_without_rules_lets_in_anybody gate_rules_let_in_whom_they_name"
        " a_gate_by_another_author_or_for_another_post_rules_nothing"
        " a_mention_in_a_forbidden_reply_still_tells"
        " an_answer_to_a_hidden_reply_tells_its_author_but_nobody_above",
        skeletons_threads="a_forbidden_reply_is_left_out_and_not_counted"
        " gate_rules_let_followers_mentioned_and_listed_reply",
    ),
    _shown(
        "A gate made later; a repo fetched later",
        semantics_records="a_gate_made_after_a_reply_leaves_it"
        " a_repo_fetched_late_rules_the_replies_that_came_before_it"
        " a_repliers_late_follows_let_their_reply_in",
    ),
    _shown(
        "Postgate: forbidden and detached quotes",
        index_replies="a_forbidden_quote_is_marked_and_neither_counts_nor_tells"
        " detached_quotes_are_noted",
        semantics_records="a_postgate_fetched_late_takes_back_the_quote",
        xrpc_app_bsky_feed_posts="why_a_quote_is_not_shown quoting_is_disabled_for_others_only",
    ),
    _shown(
        "A reply that claims a wrong root stands alone",
        index_replies="a_reply_that_names_another_root_is_invalid_and_does_not_count",
        skeletons_threads="a_reply_with_a_wrong_root_stands_alone",
    ),
    _shown(
        "Timeline: whom one follows and oneself, a row for each repost",
        xrpc_app_bsky_feed="the_timeline_holds_posts_of_those_followed_and_own_ones"
        " a_repost_names_who_brought_it",
    ),
    _shown(
        "Sort: the earlier of the dates; old imports in the past, the future at arrival",
        semantics_records="backdated_posts_sort_in_the_past_and_dated_ahead_at_arrival",
        index_likes_reposts="a_future_date_sorts_by_arrival_and_an_old_one_by_itself"
        " a_repost_has_its_own_time_in_the_feed",
    ),
    _shown(
        "Imports and resyncs tell nobody",
        semantics_records="nothing_that_comes_with_a_whole_repo_tells_anybody",
    ),
    _shown(
        "Author feeds: self-replies whose whole chain is the author's; the pin once, on page one",
        xrpc_app_bsky_feed="the_filters_of_an_author_feed a_pinned_post_comes_first_and_once",
        index_replies="only_an_unbroken_chain_by_the_author_is_a_thread_of_their_own",
    ),
    _shown(
        "Duplicate likes count once; deleting one of two leaves the other",
        semantics_records="a_second_like_of_one_pair_neither_counts_nor_takes_the_first_away",
        index_likes_reposts="deleting_one_of_two_reposts_leaves_the_other_standing",
        index_counts="every_count_equals_what_there_is_to_count",
    ),
    _shown(
        "Updates keep likes and quotes: both count by address",
        semantics_records="an_edited_post_keeps_likes_and_quotes_since_both_count_by_address",
    ),
    _shown(
        "Labels: accepted labelers, default ones, redaction, negation, no signature sent out",
        xrpc_app_bsky_feed_posts="labels_come_from_accepted_labelers_and_redaction_removes",
        notifications="of_a_label_the_latest_word_stands",
        labelers="a_followed_labeler_is_not_asked_and_counts_by_default"
        " forged_labels_are_left_out_and_counted",
        skeletons_threads="logged_out_viewers_do_not_see_those_who_ask_for_it",
        xrpc_app_bsky_actor="self_labels_stand_on_profile_and_post",
    ),
    _shown(
        "Takedowns of accounts, records, blobs, in one place; they outlive the index",
        takedowns="a_taken_down_record_is_in_no_view a_taken_down_account_is_in_no_view"
        " a_taken_down_blob_is_shown_in_no_record takedowns_outlive_the_index",
    ),
    _shown(
        "Deactivated, suspended, deleted accounts",
        semantics_records="a_deactivated_account_leaves_posts_likes_and_lists",
        xrpc_app_bsky_actor="an_inactive_account_is_refused_and_its_posts_vanish",
        maintenance="a_deleted_account_is_purged_after_a_day_with_every_count",
    ),
    _shown(
        "Known followers and likers: whom the viewer follows, without the blocked",
        xrpc_app_bsky_actor="known_followers_are_those_the_viewer_follows",
        semantics_relations="known_likers_are_whom_the_viewer_follows",
    ),
    _shown(
        "Pins only of one's own posts",
        semantics_records="a_pin_counts_only_if_it_is_the_authors_own_post",
        index_graph="only_ones_own_post_can_be_pinned",
    ),
    _shown(
        "Handles only where they lead back",
        role="a_handle_that_does_not_lead_back_is_not_shown",
        event_indexer="an_identity_event_makes_the_handle_due",
    ),
    _shown(
        "`via` tells author and reposter",
        semantics_records="a_like_through_a_repost_tells_author_and_reposter"
        " a_via_of_another_post_tells_only_the_author",
    ),
    _shown(
        "Logged-out reads are off by default",
        semantics_relations="logged_out_reads_are_off_unless_the_operator_allows_them",
        xrpc_auth="without_leave_the_logged_out_see_only_what_clients_need",
    ),
    _shown(
        "Verification while name and handle hold; *unverified*; live for 5 minutes to 4 hours",
        semantics_relations="a_verification_counts_while_name_and_handle_are_those_verified",
        semantics_views="who_is_live_is_so_for_five_minutes_to_four_hours",
    ),
    _shown(
        "Cursors of others, limits out of range: 400; no cursor at the end",
        bad_input="a_foreign_cursor_is_a_400_or_a_page a_limit_out_of_range_is_a_400"
        " names_of_nobody_are_a_400",
        pipeline="the_end_of_a_list_has_no_cursor",
    ),
    _shown(
        "A missing thread is an error in one method and an item in the other",
        skeletons_threads="a_missing_post_is_an_error_in_one_and_an_item_in_the_other",
    ),
    _shown(
        "Feeds elsewhere: the reader's languages and topics, a token for the service, its errors",
        semantics_views="a_feeds_service_hears_what_the_reader_reads_and_is_quoted_to_them",
        feed_services="an_error_of_the_service_is_passed_on"
        " a_service_that_answers_nonsense_has_failed",
    ),
    _shown(
        "Searches: every operator, structured filters, never as FTS syntax, within a deadline",
        skeletons_search="what_a_query_finds structured_filters"
        " what_cannot_be_searched_for_is_refused_by_name any_text_is_a_harmless_query"
        " blocked_authors_are_not_found a_search_that_takes_too_long_says_so",
        skeletons_queries="words_become_quoted_so_that_no_operator_slips_in",
        bad_input="what_is_typed_never_reaches_the_index_as_syntax",
        semantics_records="words_are_found_in_writing_without_spaces",
    ),
    _shown(
        "Notifications: one for a recipient and a record, five levels up, late parents, mentions"
        " apart, seen, priority, preferences",
        index_posts="mention_comes_before_quote_and_quote_before_reply",
        index_replies="a_reply_tells_the_five_authors_above_it_and_no_more"
        " late_parents_make_the_replies_below_them_known",
        xrpc_app_bsky_notification="what_was_seen_is_read_and_no_longer_counted"
        " seen_at_as_a_parameter_is_refused priority_is_what_those_one_follows_do"
        " preferences_have_defaults_and_filter_the_list a_muted_thread_is_silent"
        " mentions_are_found_at_once_among_thousands_of_likes",
        notifications="subscribers_hear_of_the_kinds_of_posts_they_asked_for",
    ),
    _shown(
        "Threads: order, the op's own, likes of the op, depth and branching, others aside",
        skeletons_threads="a_flat_thread_reads_from_root_to_last_reply"
        " the_ops_own_thread_comes_first_then_op_viewer_and_followed"
        " replies_sort_by_time_or_by_likes"
        " depth_and_branching_are_cut_and_what_is_missing_is_counted",
        semantics_records="the_places_in_the_ops_own_thread_are_numbered",
        semantics_views="a_like_of_the_op_weighs_more_than_one_and_less_than_two",
    ),
    _shown(
        "Feeds by rules; link cards go nowhere inside",
        feeds="conditions_narrow_a_feed pages_follow_each_other_without_gap_or_repetition",
        cards="redirects_are_followed_but_never_inside",
    ),
    _shown(
        "An index made anew while it is shown; unknown collections of members are kept",
        rebuilds="while_a_rebuild_runs_all_goes_on_being_shown_and_new_posts_come"
        " a_rebuild_mends_what_was_lost_and_tells_nobody"
        " records_of_unknown_collections_are_kept_of_accounts_hosted_here",
    ),
    _shown(
        "Pictures: bombs, polyglots, cut and wrong ones, other bytes than the CID names",
        images="what_is_no_picture_is_refused_and_the_decoder_lives"
        " a_picture_of_too_many_pixels_is_refused_before_it_is_decoded"
        " other_bytes_than_the_cid_names_are_never_served"
        " a_blob_that_is_no_picture_is_not_served_as_one",
    ),
)
