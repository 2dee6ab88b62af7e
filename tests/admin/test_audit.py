"""Who comes and goes, and what is done in the panel itself, stands in the log."""

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.base.strings import Strings
from tests.support.panel_house import OWNER_PASSWORD, House


async def methods(house: House) -> list[str]:
    page = await house.panel.acts.page(None)
    return [str(one["method"]).rpartition(".")[2] for one in page.items]


async def test_coming_and_going_is_written_down_with_the_address(house: House) -> None:
    owner = await house.claim()
    await owner.post("/sign-out")
    await owner.get("/sign-in")
    await owner.post("/sign-in", password="a guess")
    await owner.post("/sign-in", password=OWNER_PASSWORD)
    page = await house.panel.acts.page(None)
    assert await methods(house) == ["signIn", "refuseSignIn", "signOut", "claim"]
    assert {one["about"]["address"] for one in page.items} == {"127.0.0.1"}
    assert "a guess" not in str(page)


async def test_accounts_names_papers_and_looks_are_written_down(house: House) -> None:
    owner = await house.claim()
    await owner.post("/setup/name", name="The Joneses")
    await owner.get("/people/new")
    seen = await owner.post("/people/new", handle="ann")
    assert "@ann.test is here" in seen.words
    await owner.get("/setup/sheet")
    assert (await owner.post("/setup/sheet", password="wrong")).status == 422
    assert (await owner.post("/setup/sheet", password=OWNER_PASSWORD)).status == 200
    await owner.get("/checkup")
    await owner.post("/checkup")
    done = ["beginExamination", "showSheet", "createAccount", "changeSettings", "claim"]
    assert await methods(house) == done


# What roles ask among themselves, and what is told too often to be kept.
UNSAID = {
    "internal.hearth.pds.noteAct",
    "internal.hearth.pds.openNetworkAccount",
    "internal.hearth.pds.putNetworkRecord",
    "internal.hearth.pds.reportMove",
    "internal.hearth.pds.vouch",
    "internal.hearth.relay.setNeighbours",
}


def test_whatever_an_operator_can_do_has_words_in_the_log() -> None:
    catalog, words = load_catalog(), Strings.load()
    own = [nsid for nsid in catalog.nsids if nsid.startswith("internal.hearth.")]
    acts = {
        nsid
        for nsid in own
        if catalog.has(nsid) and catalog.definition(nsid)["type"] == "procedure"
    }
    assert len(acts) > len(UNSAID)
    unsaid = {nsid for nsid in acts if not words.has(f"log.{nsid.rpartition('.')[2]}")}
    assert unsaid <= UNSAID
