"""What people type into search boxes."""

import pytest

from appliance.appview.skeletons.queries import (
    BadQueryString,
    parse_post_query,
    parse_time,
    prefix_match,
)

ME = "did:plc:me"


def test_words_phrases_and_operators_are_told_apart() -> None:
    query = parse_post_query('cats "big dogs" #Pets from:@ann.test to:me lang:en domain:x.test', ME)
    assert query.phrases == ["cats", "big dogs"]
    assert query.tags == ["Pets"]
    assert query.authors == ["ann.test"]
    assert query.mentions == [ME]
    assert query.langs == ["en"]
    assert query.domains == ["x.test"]


def test_me_is_only_a_word_for_the_logged_out() -> None:
    assert parse_post_query("from:me", None).authors == ["me"]


def test_words_become_quoted_so_that_no_operator_slips_in() -> None:
    assert parse_post_query('a OR b* "c', ME).match == '"a" AND "OR" AND "b" AND "c"'
    assert parse_post_query("a -b", ME).match == '"a" NOT "b"'
    assert parse_post_query("-b #t * ^", ME).match is None


def test_an_unknown_operator_is_a_phrase() -> None:
    assert parse_post_query("note:this", ME).match == '"note this"'


def test_times_are_moments_or_days() -> None:
    assert parse_time("1970-01-02") == 86_400_000_000
    assert parse_time("1970-01-01T00:00:01Z") == 1_000_000
    with pytest.raises(BadQueryString):
        parse_time("tomorrow")


def test_a_name_being_typed_matches_by_its_last_word() -> None:
    assert prefix_match("Ann Mil", ("handle", "display_name")) == (
        '{handle display_name} : ("Ann" AND "Mil"*)'
    )
    assert prefix_match("@ann.te", ("handle",)) == '{handle} : ("ann" AND "te"*)'
    assert prefix_match(" @ ", ("handle",)) is None


def test_a_long_query_is_cut() -> None:
    query = parse_post_query("word " * 1000, ME)
    assert len(query.phrases) == 32
