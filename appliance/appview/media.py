"""The public addresses of pictures and other blobs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaUrls:
    """Make addresses under the AppView's public URL (scheme and authority, no slash at the end).

    Clients swap "/img/avatar/" for "/img/avatar_thumbnail/", so the preset stands in the path.
    """

    public_url: str

    def image(self, preset: str, did: str, cid: str) -> str:
        return f"{self.public_url}/img/{preset}/plain/{did}/{cid}"

    def blob(self, did: str, cid: str) -> str:
        return f"{self.public_url}/blob/{did}/{cid}"
