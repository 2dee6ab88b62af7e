"""What the owner writes for everybody, rules and welcome; and where the other pages are."""

from typing import Final

from aiohttp import web

from appliance.admin.visit import Visit

LONGEST_TEXT: Final = 6000
# What is not needed every day: the icon, the name of the words, and the path.
MORE: Final = (
    ("done", "checkup", "/checkup"),
    ("mail", "mail", "/mail"),
    ("hosts", "network", "/network"),
    ("people", "neighbours", "/neighbours"),
    ("feeds", "feeds", "/feeds"),
    ("labels", "labels", "/labels"),
    ("storage", "storage", "/storage"),
    ("shield", "rules", "/rules"),
    ("log", "log", "/log"),
    ("search", "logs", "/logs"),
    ("settings", "settings", "/settings"),
    ("home", "name", "/setup/name"),
    ("move", "reach", "/setup/reach"),
    ("hosts", "publish", "/publish"),
    ("download", "backup", "/backup"),
    ("key", "sheet", "/setup/sheet"),
    ("download", "updates", "/updates"),
)


async def show_more(visit: Visit) -> web.Response:
    return visit.page("more", rows=MORE)


async def show(visit: Visit) -> web.Response:
    texts = await visit.panel.people.texts()
    return visit.page("rules", texts=texts, errors={}, saved=visit.query("done") == "saved")


async def save(visit: Visit) -> web.Response:
    texts = {name: visit.long_text(name) for name in ("rules", "welcome")}
    errors = {
        name: visit.words("rules.too_long", most=LONGEST_TEXT)
        for name, text in texts.items()
        if len(text) > LONGEST_TEXT
    }
    if errors:
        return visit.page("rules", status=422, texts=texts, errors=errors, saved=False)
    await visit.panel.people.write_texts(**texts)
    return visit.go("/rules?done=saved")
