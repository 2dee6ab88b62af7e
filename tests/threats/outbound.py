"""Requests that leave: what makes the server ask somebody."""

from typing import Final

from tests.threats.threat import Threat

THREATS: Final = (
    Threat(
        1,
        (
            "The server is made to ask an address inside: by a DID, a handle, a lexicon, a "
            "relay, a chosen AppView, an OAuth client, a proxy header, the link of a card"
        ),
        (
            "One guarded client for every way out: https, checked addresses, however they are "
            "written"
        ),
        (
            "pds/test_threats.py::test_no_way_in_leads_to_an_address_inside",
            "base/test_http.py::test_nothing_inside_is_ever_reached",
            "appview/test_cards.py::test_no_card_is_made_of_what_is_inside",
            "pds/oauth_negative/test_clients.py::test_the_way_inside_is_closed_to_keys_as_well",
            "pds/oauth_negative/test_clients.py::test_what_names_no_client_is_refused_unasked",
        ),
    ),
    Threat(
        2,
        "A numeric address passes by the resolver",
        "The connector looks at the very address it dials",
        ("base/test_http.py::test_the_connector_looks_at_the_very_address",),
    ),
    Threat(
        3,
        "A name means a public address first and an inside one then",
        "What was resolved is what is dialled",
        ("base/test_http.py::test_an_answer_that_turns_inward_is_refused_each_time",),
    ),
    Threat(
        4,
        "A redirect leads inside, in circles, or away with secrets",
        "At most three, by hand, checked; secrets stay behind",
        (
            "base/test_http.py::test_redirects_are_followed_up_to_three_and_checked",
            "base/test_http.py::test_secrets_do_not_follow_a_redirect_to_another_origin",
        ),
    ),
    Threat(
        5,
        "An answer without end, by drops, or packed a thousandfold",
        "Bounds on unpacked bytes and on time",
        (
            "base/test_http.py::test_a_bomb_is_dropped_at_the_limit",
            "base/test_http.py::test_a_slow_answer_is_dropped_at_the_deadline",
            "pds/test_read_after_write.py::test_a_compressed_answer_is_opened_but_never_a_bomb",
        ),
    ),
    Threat(
        6,
        "Requests to crawl by the thousand, so that we connect everywhere",
        (
            "Strangers wait for the operator unless the relay is open; so many new hosts a day;"
            " a name is looked at before it is dialled"
        ),
        (
            "relay/test_com_atproto_sync.py::test_only_so_many_new_hosts_are_taken_in_a_day",
            (
                "relay/test_com_atproto_sync.py"
                "::test_outside_development_a_stranger_waits_and_is_not_dialled"
            ),
            "relay/test_com_atproto_sync.py::test_what_is_no_public_name_is_refused",
        ),
    ),
    Threat(
        7,
        "The way to a paired house is used to reach machines at home",
        (
            "Only relay and AppView have it, as a socket for each pair; through it goes what a "
            "PDS tells anybody, to one address that shows one key"
        ),
        (
            "neighbours/test_gates.py::test_what_leads_through_the_door_leads_nowhere_without_it",
            "neighbours/test_gates.py::test_a_line_reaches_one_address_and_one_key",
            "neighbours/test_gates.py::test_and_nothing_else",
            "neighbours/test_gates.py::test_a_house_that_goes_by_a_public_name_gets_no_door",
        ),
    ),
    Threat(
        8,
        "A proxied call does what only the account may, or carries the member's token away",
        (
            "Methods of the account are never passed on; the service gets a token of its own, "
            "for one method and one minute; with that of a feed's reader it learns nothing of them"
        ),
        (
            "appview/test_xrpc_auth.py::test_the_service_of_a_feed_sees_nothing_as_its_reader",
            "pds/test_appview_choices.py::test_protected_methods_go_to_no_chosen_appview_either",
            "pds/test_fallback.py::test_the_appview_gets_our_token_and_never_the_members",
            "pds/oauth/test_enforcement.py::test_what_concerns_the_account_is_not_asked_of_others",
        ),
    ),
)
