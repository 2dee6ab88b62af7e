"""app.bsky.embed.*: what a link card can show beyond the link itself."""

from appliance.appview.hydrate.hydration import Audience
from appliance.appview.role import AppView
from appliance.appview.xrpc.auth import anyone
from appliance.atproto.syntax import AtUri, Json
from appliance.atproto.xrpc.methods import MethodTable

methods: MethodTable[AppView] = MethodTable()


@methods.query("app.bsky.embed.getEmbedExternalView", auth=anyone)
async def get_embed_external_view(
    appview: AppView, audience: Audience, *, url: str, uris: list[AtUri]
) -> Json:
    """Give nothing beyond: records that describe web pages are not indexed here."""
    return {}
