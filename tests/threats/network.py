"""Data of strangers: bytes, events, pictures, words."""

from typing import Final

from tests.threats.threat import Threat

THREATS: Final = (
    Threat(
        31,
        "CBOR that lies about itself, or is very deep",
        "A strict decoder that has two forms, which must agree",
        (
            "atproto/test_cbor.py::test_any_other_encoding_is_refused",
            "atproto/test_cbor.py::test_three_decoders_agree_on_twenty_thousand_mutations",
            "atproto/test_cbor.py::test_both_ways_stop_at_64_levels",
            "fuzz/test_decoders.py::test_no_bytes_break_it",
        ),
    ),
    Threat(
        32,
        "JSON that is very deep, or has numbers beyond all bounds",
        "Depth is counted before parsing; integers have 53 bits",
        (
            "atproto/test_data.py::test_deeper_json_is_refused_unread",
            "pds/test_com_atproto_repo.py::test_deep_nesting_is_refused_before_it_is_read",
            "journeys/test_bad_input.py::test_bodies_that_are_not_json",
            "fuzz/test_decoders.py::test_no_bytes_break_it",
        ),
    ),
    Threat(
        33,
        "Trees that are no trees",
        "Only the one form a set of records has is taken",
        (
            "atproto/test_repo_mst_stream.py::test_every_shape_but_the_canonical_one_is_refused",
            "pds/test_transfer_bombs.py::test_one_subtree_at_many_places_is_refused_at_the_second",
            "pds/test_transfer.py::test_a_tree_that_is_not_canonical_is_refused",
            "fuzz/test_decoders.py::test_no_bytes_break_it",
        ),
    ),
    Threat(
        34,
        "Archives with too much, too little, or somebody else's",
        "Read as a stream, counted; what nobody refers to is not kept",
        (
            "atproto/test_car.py::test_no_bytes_break_the_reader",
            "pds/test_transfer.py::test_blocks_nobody_refers_to_are_not_kept",
            "pds/test_transfer.py::test_the_repository_of_somebody_else_is_refused",
            "pds/test_transfer_bombs.py::test_more_blocks_than_anybody_has_are_refused",
        ),
    ),
    Threat(
        35,
        "Writes and records that are too large",
        "200 writes, 2 MB a commit, 1 MB a record",
        (
            "pds/test_writes.py::test_a_batch_has_at_most_200_writes",
            "pds/test_writes.py::test_an_oversized_record_is_refused",
            "pds/test_com_atproto_repo.py::test_large_writes_are_taken_and_larger_ones_refused",
        ),
    ),
    Threat(
        36,
        "Signatures that are forged, or of two forms",
        "Low s alone, the key of the document, looked up once more before it fails",
        (
            "atproto/test_crypto.py::test_the_high_twin_of_a_signature_holds_only_where_it_may",
            "atproto/test_xrpc_service_auth.py::test_a_new_key_is_looked_up_once",
            "pds/test_transfer.py::test_a_commit_signed_by_another_key_is_refused",
        ),
    ),
    Threat(
        37,
        "Revisions of the future, of the past, or the same again",
        "Only what is newer counts, five minutes ahead at most",
        (
            "firehose/test_verify.py::test_a_rev_may_be_five_minutes_ahead_and_no_more",
            "firehose/test_verify.py::test_what_is_not_newer_is_stale",
            "relay/test_role.py::test_a_forged_a_broken_and_an_old_commit_go_no_further",
            "relay/test_ingest.py::test_a_number_at_or_below_the_cursor_is_dropped",
        ),
    ),
    Threat(
        38,
        "A host speaks for accounts that live elsewhere, or invents them by the thousand",
        (
            "An account's own host speaks for it; strangers have a limit of accounts and rates,"
            " and no say in whom we ask"
        ),
        (
            "relay/test_role.py::test_another_host_cannot_speak_for_an_account_but_it_can_move",
            "relay/test_ingest.py::test_a_stranger_host_has_a_limit_of_accounts",
            "relay/test_ingest.py::test_a_host_cannot_make_us_ask_all_day_about_strangers",
            "relay/test_rates.py::test_a_host_that_sends_too_much_is_not_read_and_loses_nothing",
            "journeys/test_hostile_hosts.py::test_what_hostile_hosts_say_reaches_nobody",
        ),
    ),
    Threat(
        39,
        "Readers of the stream who take nothing",
        "They hold little, hold up nobody, and are sent away",
        (
            (
                "firehose/test_serve.py"
                "::test_fifty_subscribers_that_take_nothing_hold_little_and_delay_nobody"
            ),
            "firehose/test_seats.py::test_one_address_takes_only_its_share_and_gets_it_back",
        ),
    ),
    Threat(
        40,
        "Bodies by drops, frames and pings without end, connections by the thousand",
        (
            "Time and size are bounded; connections are counted, of one address and together, and"
            " hung up on when nothing is asked"
        ),
        (
            "atproto/test_xrpc_bodies.py::test_a_body_that_comes_too_slowly_is_dropped",
            "firehose/test_serve.py::test_a_message_too_large_ends_the_connection",
            "firehose/test_serve.py::test_a_subscriber_may_ping_but_not_without_end",
            "journeys/test_bad_callers.py::test_what_is_not_even_http_ends_quietly",
            "https/test_doors.py::test_silent_callers_do_not_keep_others_out",
            "https/test_doors.py::test_one_address_cannot_keep_all_others_out",
            "test_guests.py::test_who_never_asks_is_hung_up_on_and_who_asks_is_served",
            "test_guests.py::test_all_together_they_leave_what_the_house_itself_needs",
            "test_guests.py::test_one_address_takes_not_all_places",
            "test_guests.py::test_who_only_greets_a_house_keeps_no_other_out",
            "test_guests.py::test_what_waits_for_all_together_is_bounded",
            "test_guests.py::test_who_takes_nothing_of_a_small_answer_is_hung_up_on",
        ),
    ),
    Threat(
        41,
        "Pictures that are bombs, cut off, or something else besides",
        (
            "The PDS decodes none; the AppView does in a process apart, with bounds on pixels, "
            "time and memory, and passes on only what it drew anew"
        ),
        (
            (
                "appview/test_images_hostile.py"
                "::test_of_a_file_that_is_a_picture_and_more_only_the_picture_is_left"
            ),
            "appview/test_images_hostile.py::test_a_bomb_is_refused_or_drawn_without_its_load",
            (
                "appview/test_images_hostile.py"
                "::test_a_file_that_ends_anywhere_is_refused_and_the_decoder_lives"
            ),
            "appview/test_images.py::test_a_killed_decoder_is_replaced",
            (
                "appview/test_images.py"
                "::test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded"
            ),
        ),
    ),
    Threat(
        42,
        "Blobs, copies of another network or a move that fill the disk; what is not what it says",
        (
            "A quota for each account and lodger, also for many at once; hashed on the way in, "
            "collected when nobody refers to them; nothing new is taken when little room is left"
        ),
        (
            ("upkeep/test_lodging.py::test_however_many_files_come_at_once_the_quota_is_for_all"),
            ("upkeep/test_lodging.py::test_no_lodger_fills_the_disk_but_whoever_reads_gets_a_lock"),
            (
                "moving/test_hostile_servers.py"
                "::test_what_is_sent_without_end_leaves_room_on_the_disk"
            ),
            (
                "pds/test_com_atproto_repo_blobs.py"
                "::test_an_account_keeps_as_much_as_its_quota_and_no_more"
            ),
            (
                "pds/test_com_atproto_repo_blobs.py"
                "::test_uploads_at_once_do_not_go_over_the_quota_together"
            ),
            "pds/test_blobs.py::test_temporary_blobs_are_collected_after_hours",
            "pds/test_blobs.py::test_a_blob_is_measured_by_its_bytes_not_by_what_the_record_says",
        ),
    ),
    Threat(
        43,
        "Labels that their labeler never put, or floods of them",
        (
            "Signed by the key in the labeler's document, of the labeler asked, about accounts "
            "we know, so many and no more"
        ),
        (
            "appview/test_labelers.py::test_forged_labels_are_left_out_and_counted",
            "appview/test_labelers.py::test_what_was_not_asked_for_and_what_is_forged_is_left_out",
            (
                "appview/test_labelers.py"
                "::test_what_is_about_strangers_is_not_kept_and_what_is_kept_is_bounded"
            ),
            "appview/test_labelers.py::test_strangers_send_us_to_nobody",
        ),
    ),
    Threat(
        44,
        "Published lexicons that are bombs",
        "Bounds on depth and number; nobody waits for one",
        (
            "atproto/test_lexicon_schema_check.py::test_deep_nesting_is_refused",
            "pds/test_lexicons.py::test_a_lexicon_that_needs_very_many_others_is_unknown",
            "pds/test_lexicons.py::test_nobody_waits_long_for_a_lexicon",
            "fuzz/test_decoders.py::test_no_bytes_break_it",
        ),
    ),
    Threat(
        45,
        "SQL in what is asked for",
        "Values are bound, never written into statements",
        (
            "test_architecture.py::test_sql_stands_with_its_tables_only",
            "journeys/test_every_method.py::test_no_method_fails_for_anybody",
            "pds/test_fuzz.py::test_no_method_fails_in_any_state_of_signing_in",
        ),
    ),
    Threat(
        46,
        "Lines in the log that are not ours; secrets in it; words that a terminal obeys",
        "One line each, controls escaped, secrets blotted out; a terminal is shown no controls",
        (
            "base/test_terminal.py::test_a_terminal_is_told_nothing_that_it_would_obey",
            "base/test_logs.py::test_secrets_are_blotted_out",
            "base/test_logs.py::test_a_message_from_outside_stays_on_its_line",
        ),
    ),
)
