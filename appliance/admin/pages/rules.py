"""What the owner writes for everybody, rules and welcome; and where the other pages are."""

from typing import Final

from aiohttp import web

from appliance.admin.visit import Visit

LONGEST_TEXT: Final = 6000
# What is not needed every day, in groups: the icon, the name of the words, and the path.
MORE: Final = (
    (
        "people",
        (
            ("mail", "mail", "/mail"),
            ("shield", "rules", "/rules"),
            ("feeds", "feeds", "/feeds"),
            ("labels", "labels", "/labels"),
        ),
    ),
    (
        "outside",
        (
            ("hosts", "network", "/network"),
            ("people", "neighbours", "/neighbours"),
            ("hosts", "publish", "/publish"),
            ("move", "reach", "/setup/reach"),
        ),
    ),
    (
        "box",
        (
            ("done", "checkup", "/checkup"),
            ("storage", "storage", "/storage"),
            ("download", "backup", "/backup"),
            ("download", "updates", "/updates"),
            ("log", "log", "/log"),
            ("search", "logs", "/logs"),
        ),
    ),
    (
        "set",
        (
            ("home", "name", "/setup/name"),
            ("settings", "settings", "/settings"),
            ("lock", "password", "/password"),
            ("key", "sheet", "/setup/sheet"),
        ),
    ),
)


async def show_more(visit: Visit) -> web.Response:
    return visit.page("more", groups=MORE)


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
