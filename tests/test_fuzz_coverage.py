"""No method is left out by those who ask all of them, and none that they never got through to."""

from tests.support.appliance import ROOT
from tests.support.fuzz_coverage import PAGE, gaps
from tests.support.tally import ELSEWHERE

HOW = "python -m tests.support.fuzz_coverage"


def test_every_method_was_asked_and_answered_well_for_whom_it_is_declared() -> None:
    missing = gaps(PAGE.read_text())
    assert missing == [], f"{HOW} makes the page anew; missing: " + "\n".join(missing)


def test_a_page_is_looked_through() -> None:
    text = PAGE.read_text()
    line = next(each for each in text.splitlines() if each.startswith("| com.atproto.server.ge"))
    nsid = line.split("|")[1].strip()
    assert f"{nsid}: not asked" in gaps(text.replace(line, ""))
    refused = line.replace(line.split("|")[3], " a ")
    assert gaps(text.replace(line, refused)) == [f"{nsid}: never answered well for member"]


def test_what_is_shown_elsewhere_is_there() -> None:
    for (nsid, state), where in ELSEWHERE.items():
        path, _, says = where.partition(": ")
        assert (says or nsid.rpartition(".")[2]) in (ROOT / path).read_text(), (nsid, state)
