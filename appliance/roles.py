"""The roles by name, and which of them run: all in one process, or some of them here."""

from collections.abc import Collection
from typing import Final

from appliance.settings import Settings

# In order of start: each follows or asks the ones before it.
ROLES: Final = ("directory", "neighbours", "pds", "relay", "labeler", "appview", "client", "admin")
# What can be reached from outside, behind one port.
BEHIND_THE_DOOR: Final = ("pds", "relay", "labeler", "appview", "client")
# Where there are several processes, what is done once is done by the one that has this role.
MAIN: Final = "pds"
# What listens for others than a single role.
_DOORS: Final = ("door", "https", "http")


def roles_of(settings: Settings, here: Collection[str] = ()) -> list[str]:
    """Name what runs with these settings, in order of start: only what is `here`, if that is said.

    A network without a name is not set up yet: of that there is only the panel.
    """
    left_out = {
        "directory": not settings.directory.enabled,
        "neighbours": not settings.neighbours.enabled,
        "client": not settings.client.folder,
    }
    names = ROLES if settings.pds.hostname else ("admin",)
    return [name for name in names if not left_out.get(name) and (not here or name in here)]


def is_main(here: Collection[str]) -> bool:
    """Tell whether this process does what is done once for all of them."""
    return not here or MAIN in here


def places_of(settings: Settings, here: Collection[str]) -> dict[str, tuple[str, int]]:
    """Say where to listen, by name; the doors are where the main role is."""
    own = {*here, *(_DOORS if is_main(here) else ())} if here else settings.places.keys()
    return {name: place for name, place in settings.places.items() if name in own}
