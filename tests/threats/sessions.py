"""Sign-in: tokens, proofs, passwords, invites."""

from typing import Final

from tests.threats.threat import Threat

THREATS: Final = (
    Threat(
        18,
        "Tokens of another algorithm, kind, key or server",
        "One algorithm and one kind for each use, and who it is for is looked at",
        (
            "atproto/test_jwt.py::test_a_public_key_is_no_secret_to_sign_with",
            "atproto/test_jwt.py::test_a_token_must_name_the_algorithm_of_the_key",
            "pds/test_com_atproto_server_session.py::test_a_token_of_the_other_kind_is_refused",
            "pds/oauth_negative/test_calls.py::test_a_forged_token_opens_nothing",
        ),
    ),
    Threat(
        19,
        "A proof of possession is used again, or for something else",
        "Each counts once, for one request, under a nonce that dies",
        (
            "pds/oauth_negative/test_proofs.py::test_a_proof_counts_once",
            "pds/oauth_negative/test_proofs.py::test_a_proof_with_this_in_it_is_refused",
            "pds/oauth_negative/test_proofs.py::test_a_nonce_dies",
        ),
    ),
    Threat(
        20,
        "A refresh token is stolen",
        "A used one that comes back ends the session; honest races are forgiven",
        (
            (
                "pds/oauth_negative/test_codes.py"
                "::test_an_old_refresh_token_ends_the_session_of_the_thief_and_of_the_owner"
            ),
            "pds/oauth_negative/test_codes.py::test_honest_races_are_forgiven",
            (
                "pds/test_com_atproto_server_session.py"
                "::test_a_refresh_token_gives_the_same_successor_for_two_hours"
            ),
        ),
    ),
    Threat(
        21,
        "A code is caught, or its challenge weakened",
        "Challenges by SHA-256 alone; a code counts once, and twice ends what it gave",
        (
            "pds/oauth_negative/test_codes.py::test_a_code_used_twice_ends_what_it_gave",
            "pds/oauth_negative/test_codes.py::test_a_wrong_verifier_burns_the_code",
            "pds/oauth_negative/test_pushing.py::test_a_challenge_counts_once",
        ),
    ),
    Threat(
        22,
        "Requests are pushed without end",
        "So many wait, and for five minutes",
        (
            "pds/oauth_negative/test_pushing.py::test_one_address_fills_no_memory",
            "pds/oauth/test_authorize_pages.py::test_requests_that_wait_are_bounded",
        ),
    ),
    Threat(
        23,
        "A redirect to a place like the client's",
        "To the letter as the client published it",
        (
            "pds/oauth_negative/test_pages.py::test_a_redirect_in_the_address_is_not_followed",
            "pds/oauth_negative/test_pushing.py::test_a_request_with_this_in_it_is_refused",
        ),
    ),
    Threat(
        24,
        "A client calls itself what it is not",
        "It is named by its address",
        (
            "pds/oauth_negative/test_clients.py::test_what_a_client_calls_itself_is_not_shown",
            (
                "pds/oauth/test_authorize_pages.py"
                "::test_the_page_says_who_asks_by_address_and_not_by_name"
            ),
        ),
    ),
    Threat(
        25,
        "A client's assertion is used again, or its key changed",
        "Each counts once; a session is bound to the key it began with",
        (
            "pds/oauth_negative/test_clients.py::test_an_assertion_counts_once",
            "pds/oauth_negative/test_clients.py::test_a_session_is_bound_to_the_key_that_opened_it",
        ),
    ),
    Threat(
        26,
        "Tokens that live too long",
        (
            "A quarter of an hour; a public client is out after two weeks; what came by a "
            "password ends when that is changed, by an app password with it"
        ),
        (
            (
                "pds/test_com_atproto_server_session.py"
                "::test_access_tokens_end_with_the_session_they_came_from"
            ),
            "pds/oauth/test_sessions.py::test_an_access_token_lasts_a_quarter_of_an_hour",
            "pds/oauth/test_sessions.py::test_a_public_client_is_out_after_two_weeks",
        ),
    ),
    Threat(
        27,
        "Passwords are guessed; who is here is found out",
        (
            "Counted by name, by address and by /64; answers and their time are the same; "
            "nobody is locked out for good, nor from where they have come in before"
        ),
        (
            "pds/test_rates.py::test_guessing_keeps_nobody_out_at_home",
            (
                "pds/test_com_atproto_server_invite.py"
                "::test_who_is_not_invited_does_not_learn_who_is_here"
            ),
            (
                "pds/test_account_entrance.py"
                "::test_a_stranger_who_tries_all_names_keeps_no_member_out"
            ),
            "base/test_throttle.py::test_who_knew_it_before_is_not_kept_out_by_others",
            "pds/test_rates.py::test_guessing_from_many_addresses_is_still_guessing",
            "pds/test_rates.py::test_one_ipv6_network_is_one_address",
            (
                "pds/test_com_atproto_server_session.py"
                "::test_every_failed_login_looks_alike_and_takes_its_time"
            ),
            (
                "pds/test_com_atproto_server_email.py"
                "::test_asking_for_a_reset_does_not_tell_who_is_here"
            ),
            "pds/test_rates.py::test_guessing_by_way_of_deletion_is_guessing",
            "pds/test_factors.py::test_guessing_gets_slower_and_slower_and_never_locks_for_good",
            "pds/test_account_entrance.py::test_a_passkey_signs_in_while_guessing_is_held_up",
        ),
    ),
    Threat(
        28,
        "An account is taken by a new address",
        (
            "A code from the old one, and a letter to it; what touches the account asks anew "
            "who it is"
        ),
        (
            (
                "pds/test_com_atproto_server_email.py"
                "::test_a_confirmed_address_changes_with_a_code_and_is_then_unconfirmed"
            ),
            "pds/test_com_atproto_server_email.py::test_the_old_address_is_told_of_a_new_one",
            (
                "pds/test_com_atproto_server_email.py"
                "::test_a_code_sent_to_the_old_address_proves_nothing_of_the_new_one"
            ),
            (
                "pds/test_account_entrance.py"
                "::test_what_touches_the_account_is_shown_to_who_proved_it_anew"
            ),
        ),
    ),
    Threat(
        29,
        "An app password does what only the account may",
        "Methods of the account are closed to it",
        (
            (
                "pds/test_com_atproto_server_session.py"
                "::test_an_app_password_signs_in_but_does_not_touch_the_account"
            ),
            "pds/test_account_entrance.py::test_an_app_password_opens_no_page",
        ),
    ),
    Threat(
        30,
        "An invite is used too often, or by friends of who was taken down",
        (
            "Counted in the transaction that opens the account. Codes have the reference's form"
            " (50 bits), so what keeps them from being guessed is the rate of sign-ups"
        ),
        (
            (
                "pds/test_com_atproto_server_invite.py"
                "::test_many_at_once_get_as_many_accounts_as_the_code_has_uses"
            ),
            (
                "pds/test_com_atproto_server_invite.py"
                "::test_codes_of_a_member_who_is_taken_down_let_nobody_in"
            ),
        ),
    ),
)
