"""Keys, identities and the box itself."""

from typing import Final

from tests.threats.threat import Threat

THREATS: Final = (
    Threat(
        47,
        "Somebody carries the box or its card away",
        "Keys are files for the service's user alone; copies elsewhere are encrypted",
        (
            "base/test_secret_files.py::test_only_the_owner_can_read_it",
            "journeys/test_try.py::test_nothing_it_writes_is_for_other_users",
            "backup/test_backup.py::test_a_wrong_key_opens_nothing_and_touches_nothing",
        ),
        (
            "In part: on the box itself keys are not wrapped by another key, so whoever has the"
            " disk has them. Encrypt the disk, and give members recovery keys of their own "
            "(S48)"
        ),
    ),
    Threat(
        48,
        "The operator takes an identity",
        "A member's own key stands before ours, and undoes it within 72 hours",
        (
            "pds/test_account_pages.py::test_a_recovery_key_stands_before_the_servers",
            "atproto/test_identity_plc_log.py::test_a_recovery_comes_within_72_hours",
        ),
    ),
    Threat(
        49,
        "Two changes of one identity at once, or of two to one handle",
        (
            "Operations of one DID are signed and sent one after the other, each upon the one "
            "before it; who wants the same name waits, and each is given out once"
        ),
        (
            (
                "pds/test_com_atproto_identity.py"
                "::test_changes_of_one_identity_at_once_are_made_one_after_the_other"
            ),
            (
                "pds/test_com_atproto_identity.py"
                "::test_of_many_who_want_one_handle_at_once_one_gets_it"
            ),
        ),
    ),
    Threat(
        50,
        "An app, or the server that is left, signs an operation of the identity",
        (
            "The account's own session, or an app to which the member gave the identity itself;"
            " and a mailed code that counts once. Who moves in takes an operation only as it was "
            "asked for, and is told of keys that stay"
        ),
        (
            "moving/test_hostile_servers.py::test_an_operation_is_taken_only_as_it_was_asked_for",
            "moving/test_hostile_servers.py::test_keys_that_stay_beside_ours_are_told",
            "pds/test_com_atproto_identity.py::test_signing_needs_a_code",
            "pds/oauth/test_enforcement.py::test_nothing_but_what_is_needed_opens_a_method",
            (
                "pds/test_com_atproto_identity.py"
                "::test_no_operation_takes_the_account_from_this_server"
            ),
        ),
    ),
    Threat(
        51,
        "The domain behind a did:web runs out, or is taken over",
        (
            "The doctor looks twice a day whether each identity still names this server and its "
            "key, and asks the registries once a day until when the domains are rented"
        ),
        (
            "pds/doctor/test_identity_checks.py::test_one_that_names_another_server_is_told",
            "pds/doctor/test_identity_checks.py::test_one_that_names_another_signing_key_is_told",
            "pds/doctor/test_identity_checks.py::test_one_that_is_in_no_directory_is_told",
            "pds/doctor/test_domain_checks.py::test_a_domain_that_runs_out_is_told_in_time",
        ),
    ),
    Threat(
        52,
        "Certificates are asked for names without end",
        "Only for our own names and handles that members have; so many an hour",
        (
            (
                "pds/test_app.py"
                "::test_certificates_are_for_our_names_and_for_handles_that_somebody_has"
            ),
            "https/test_keeper.py::test_names_that_nobody_here_has_are_not_asked_for",
            "https/test_keeper.py::test_certificates_of_handles_are_bounded_by_the_hour",
        ),
    ),
    Threat(
        53,
        (
            "Machines at home announce themselves as houses by the hundred, under our names, "
            "with our keys, with markup and bombs; somebody stands between two who pair"
        ),
        (
            "What is announced is a hint: bounded, plain text, and nothing is asked before the "
            "owner presses a button. A pair takes both owners and six equal digits that nobody "
            "can steer; keys are pinned"
        ),
        (
            "system/test_neighbours.py::test_they_see_each_other_amid_a_hundred_that_mean_harm",
            (
                "neighbours/test_sightings.py"
                "::test_whoever_says_he_is_another_adds_a_place_and_takes_none"
            ),
            "neighbours/test_sightings.py::test_what_is_shown_is_plain_text_of_one_line",
            "neighbours/test_pairing.py::test_who_stands_between_shows_two_codes",
            "neighbours/test_pairing.py::test_a_number_is_given_once_for_each_press",
            (
                "neighbours/test_pairing.py"
                "::test_no_order_of_messages_makes_a_pair_without_both_owners"
            ),
            (
                "neighbours/test_introductions.py"
                "::test_strangers_are_told_nothing_that_is_for_the_paired"
            ),
            (
                "neighbours/test_identities.py"
                "::test_a_house_is_believed_for_those_alone_who_live_there"
            ),
            "fuzz/test_decoders.py::test_no_bytes_break_it",
        ),
    ),
    Threat(
        54,
        (
            "A release is forged, changed, cut off or older; an old channel is shown for ever; "
            "the service, taken over, asks for one"
        ),
        (
            "A signed channel with an end, size and hash of each archive, only upwards; root "
            "copies what is asked before it looks, and believes the keys in /etc/hearth alone"
        ),
        (
            "updates/test_receive.py::test_what_was_spoiled_is_refused_with_the_reason",
            "updates/test_receive.py::test_an_older_release_is_refused",
            "updates/test_receive.py::test_a_channel_older_than_one_that_was_seen_is_refused",
            "updates/test_receive.py::test_an_archive_puts_nothing_outside_even_if_it_is_signed",
            "updates/test_signatures.py::test_any_changed_byte_of_content_or_signature_is_noticed",
            "system/test_updates.py::test_what_the_service_forges_is_refused_by_root",
        ),
    ),
    Threat(
        55,
        "A backup is stolen, changed or cut off",
        (
            "Encrypted and authenticated before it leaves; the key is never with it; every "
            "file, repo and blob is verified"
        ),
        (
            "backup/test_backup.py::test_a_wrong_key_opens_nothing_and_touches_nothing",
            "backup/test_backup.py::test_a_damaged_backup_is_refused_with_the_reason",
        ),
    ),
    Threat(
        56,
        "A backup or a release has links, pipes or paths that lead away",
        "Plain files below the folder, or nothing at all",
        (
            "backup/test_restored.py::test_what_was_made_to_do_harm_is_refused",
            "backup/test_restored.py::test_the_folder_it_was_taken_from_leads_nowhere_else",
            "updates/test_receive.py::test_an_archive_puts_nothing_outside_even_if_it_is_signed",
        ),
    ),
    Threat(
        57,
        "Names that walk out of a folder",
        "No name of others is one of a file: it is parsed, or hashed",
        (
            "pds/test_threats.py::test_no_name_leads_out_of_the_folder",
            ("moving/test_hostile_servers.py::test_a_blob_is_named_by_its_hash_and_never_by_a_way"),
            "atproto/test_syntax.py::test_an_ill_formed_text_is_refused",
        ),
    ),
    Threat(
        58,
        "Code of others runs: in a decoder, a plugin, a template, by the hand of root",
        (
            "There are no plugins; the service is confined by systemd, its decoder of pictures "
            "by itself; root takes no module from the folder it stands in, and no name of a file "
            "for a line of text"
        ),
        (
            "system/test_installation.py::test_pictures_are_made_small_in_spite_of_the_confinement",
            "appview/test_images.py::test_a_killed_decoder_is_replaced",
            "test_install.py::test_what_changes_the_machine_needs_root_and_says_so",
            "test_root_runs_ours.py::test_no_module_is_taken_from_the_folder_one_stands_in",
            "test_root_runs_ours.py::test_a_name_of_two_lines_in_the_data_is_one_name",
        ),
    ),
    Threat(
        59,
        "Somebody else claims a fresh box first",
        (
            "A code that only the console, the journal and a file of the service show; few "
            "tries; asked at home only"
        ),
        (
            "admin/test_claim.py::test_who_shows_the_code_owns_the_network",
            "admin/test_claim.py::test_codes_cannot_be_guessed_fast",
            "admin/test_claim.py::test_of_two_at_once_one_wins",
            "admin/test_claim.py::test_the_code_lies_in_a_file_for_the_service_alone",
            "admin/test_guard.py::test_only_those_at_home_are_answered",
        ),
    ),
    Threat(
        60,
        "The clock is wrong, or goes back",
        "Revs only ever grow",
        ("atproto/test_tid.py::test_a_clock_grows_when_time_stands_or_goes_back",),
    ),
    Threat(
        61,
        "Reports that bury reports",
        "30 in five minutes, 200 a day, of one member",
        ("pds/test_rates.py::test_reports_cannot_bury_reports",),
    ),
    Threat(
        62,
        "A header that says who one is",
        "Nothing but credentials says so",
        ("journeys/test_bad_callers.py::test_tokens_that_open_nothing",),
    ),
    Threat(
        63,
        "A package we use is replaced by another",
        (
            "Every package has a version and hashes, wheels only; few of them, with the reason "
            "for each in the README; each release holds a list of its parts"
        ),
        (
            "test_install.py::test_every_locked_package_has_a_version_and_hashes",
            "test_install.py::test_only_pinned_wheels_are_installed",
            "test_install.py::test_the_locks_agree_with_each_other_and_with_the_project",
            "test_release.py::test_a_release_says_of_what_it_consists",
        ),
        "In part: CI asks no list of known faults (below)",
    ),
)
