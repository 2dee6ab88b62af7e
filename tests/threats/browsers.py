"""Browsers: pages of others, cookies, scripts, proxies."""

from typing import Final

from tests.threats.threat import Threat

THREATS: Final = (
    Threat(
        9,
        (
            "A name is rebound to the panel's address; a stranger, or a tunnel that ends here, "
            "asks for it"
        ),
        (
            "It answers those at home, by its own names, and what a proxy says of the caller "
            "can only count against them"
        ),
        (
            "browser/test_attacks.py::test_a_name_that_is_rebound_to_this_machine_shows_nothing",
            "browser/test_first_boot.py::test_the_panel_answers_at_home_and_not_to_the_internet",
            "admin/test_guard.py::test_only_our_names_are_answered",
            "admin/test_guard.py::test_only_those_at_home_are_answered",
            "admin/test_guard.py::test_a_tunnel_that_ends_here_does_not_make_strangers_near",
            "admin/test_guard.py::test_what_the_standard_header_says_counts_too",
        ),
    ),
    Threat(
        10,
        "Another page sends a form in a member's name",
        "Forms carry a token of the browser's session and have to come from here",
        (
            "pds/test_account_entrance.py::test_a_form_counts_only_from_a_page_of_ours",
            "pds/oauth_negative/test_pages.py::test_forms_of_other_sites_are_refused",
            "base/test_browsers.py::test_a_change_has_to_come_from_a_page_of_ours",
            (
                "browser/test_attacks.py"
                "::test_pages_of_others_neither_read_nor_change_nor_frame_the_panel"
            ),
            "admin/test_app.py::test_a_form_from_elsewhere_changes_nothing",
        ),
    ),
    Threat(
        11,
        "A page of ours is shown in a frame",
        "No page may be framed",
        (
            "pds/test_account_entrance.py::test_every_page_says_what_it_may_do",
            "pds/oauth_negative/test_pages.py::test_no_page_on_the_way_can_be_framed_or_kept",
            (
                "browser/test_attacks.py"
                "::test_pages_of_others_neither_read_nor_change_nor_frame_the_panel"
            ),
        ),
    ),
    Threat(
        12,
        "A blob is a page or a script",
        "Blobs are downloads, sniffed by nobody, in a sandbox without rights",
        ("pds/test_threats.py::test_no_blob_runs_in_a_browser_whatever_it_is_and_says_it_is",),
    ),
    Threat(
        13,
        "Names and words that are markup",
        "Templates escape; pages run no scripts but their own",
        (
            "pds/test_account_pages.py::test_nothing_that_is_typed_becomes_markup",
            "pds/oauth_negative/test_pages.py::test_what_an_app_sends_is_never_markup",
            "base/test_pages.py::test_values_are_escaped",
        ),
    ),
    Threat(
        14,
        "A handle's host sets cookies for ours",
        "Such hosts serve one document; cookies are bound to our host under TLS",
        (
            "pds/test_app.py::test_a_handles_host_serves_nothing_else",
            "pds/test_account_entrance.py::test_under_tls_cookies_are_bound_to_the_host",
        ),
    ),
    Threat(
        15,
        "A cookie from before the sign-in is used after it",
        "Every sign-in makes a new one",
        (
            "pds/test_account_entrance.py::test_a_cookie_is_new_after_every_sign_in",
            (
                "pds/oauth_negative/test_pages.py"
                "::test_a_cookie_that_was_there_before_is_worth_nothing_after"
            ),
        ),
    ),
    Threat(
        16,
        "A sign-in page sends elsewhere afterwards",
        "Only to paths of ours",
        (
            "base/test_browsers.py::test_after_signing_in_one_stays_here",
            "pds/test_account_entrance.py::test_after_signing_in_one_stays_here",
        ),
    ),
    Threat(
        17,
        "Headers of a proxy that there is none of",
        "They count only for as many proxies as the settings say",
        (
            "atproto/test_xrpc_limits.py::test_only_trusted_proxies_are_believed",
            "base/test_browsers.py::test_what_a_proxy_says_counts_only_when_there_is_one",
        ),
    ),
)
