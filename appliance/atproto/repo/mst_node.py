"""One node of a Merkle search tree: sorted keys, their values, and the subtrees between them.

https://atproto.com/specs/repository#mst-structure
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import TypeAlias

from appliance.atproto import cbor
from appliance.atproto.cid import Cid

MAX_KEY_BYTES = 1024

# For each byte value: how many pairs of leading zero bits it has.
_ZERO_PAIRS = bytes([4, *[3] * 3, *[2] * 12, *[1] * 48, *[0] * 192])


class InvalidMst(ValueError):
    """A block is not a canonical tree node, or does not belong where it hangs."""

    xrpc_name = "InvalidRequest"


class MissingBlock(InvalidMst):
    """A partial tree was entered where its block is not at hand."""


class RootMismatch(ValueError):
    """The records do not have the root that the head names: our own storage is damaged."""


class Node:
    """A node; never changed after it is made, except that its CID and block are filled in once.

    `kids` has one element more than `keys`: the subtree left of each key, and the one after the
    last. A kid is a node, None, or the CID of a node whose block is not at hand (a stub).
    """

    __slots__ = ("_block", "_cid", "_like", "keys", "kids", "values")

    def __init__(
        self,
        keys: list[bytes],
        values: list[Cid],
        kids: list["Kid"],
        cid: Cid | None = None,
        block: bytes = b"",
    ) -> None:
        self.keys = keys
        self.values = values
        self.kids = kids
        self._cid = cid
        self._block = block
        # The block of a node like this but for one kid, that kid's CID, and the kid here.
        self._like: tuple[bytes, bytes, Node] | None = None

    @property
    def is_empty(self) -> bool:
        return not self.keys and self.kids[0] is None

    def with_kid(self, at: int, kid: "Kid") -> "Node":
        """Give a node like this with another kid in one place."""
        kids = self.kids.copy()
        before, kids[at] = kids[at], kid
        node = Node(self.keys, self.values, kids)
        if isinstance(before, Node) and isinstance(kid, Node) and before._cid and self._block:
            node._like = self._block, before._cid, kid
        return node

    def standing_on(self, kids: list["Kid"]) -> "Node":
        """Give this node, sealed, with the same kids in another form: whole, or their CIDs."""
        return Node(self.keys, self.values, kids, self.seal(), self._block)

    def seal(self, into: dict[Cid, bytes] | None = None) -> Cid:
        """Give the CID; hash what is still unhashed below, adding those blocks, children first."""
        if self._cid is not None:
            return self._cid
        self._block = self._from_like(into) or self._encoded(into)
        self._cid = Cid.for_block(self._block)
        if into is not None:
            into[self._cid] = self._block
        return self._cid

    def sealed(self) -> tuple[Cid, bytes]:
        """Give CID and block."""
        return self.seal(), self._block

    def _encoded(self, into: dict[Cid, bytes] | None) -> bytes:
        links = [kid.seal(into) if isinstance(kid, Node) else kid for kid in self.kids]
        return _encode(self.keys, self.values, links)

    def _from_like(self, into: dict[Cid, bytes] | None) -> bytes:
        """Put the new kid's CID where the old one's was: most nodes on the way to a change."""
        if self._like is None:
            return b""
        (block, old, kid), self._like = self._like, None
        front, _, back = block.partition(old)
        # A record may have a node's bytes, and so its CID: then the place is not known.
        return b"" if old in back else b"".join((front, kid.seal(into), back))


Kid: TypeAlias = Node | Cid | None


def key_height(key: bytes) -> int:
    """Tell the layer a key belongs to: pairs of leading zero bits of its SHA-256."""
    digest = sha256(key).digest()
    height = _ZERO_PAIRS[digest[0]]
    if height < 4:
        return height
    for byte in digest[1:]:
        height += _ZERO_PAIRS[byte]
        if byte:
            break
    return height


def common_prefix(left: bytes, right: bytes) -> int:
    """Count the leading bytes that two keys share."""
    size = min(len(left), len(right))
    differing = int.from_bytes(left[:size], "big") ^ int.from_bytes(right[:size], "big")
    return size - (differing.bit_length() + 7) // 8


def _encode(keys: list[bytes], values: list[Cid], links: list[Cid | None]) -> bytes:
    entries = []
    previous = b""
    for key, value, link in zip(keys, values, links[1:], strict=True):
        shared = common_prefix(previous, key)
        entries.append({"k": key[shared:], "p": shared, "t": link, "v": value})
        previous = key
    return cbor.encode_shallow({"e": entries, "l": links[0]})


def decode(cid: Cid, block: bytes) -> Node:
    """Parse one block; the kids of the result are stubs.

    Checks: field names and types, prefix compression, key order, key size, one layer for all keys.
    Does not check: the CID, and whether kids fit (see `Mst.load`). Raises InvalidMst.
    """
    try:
        value = cbor.decode(block)
    except ValueError as error:
        raise InvalidMst(f"tree node {cid} is not DAG-CBOR: {error}") from error
    if type(value) is not dict or value.keys() != {"e", "l"} or type(value["e"]) is not list:
        raise InvalidMst(f"tree node {cid} does not have the fields e and l")
    keys: list[bytes] = []
    values: list[Cid] = []
    kids: list[Kid] = [_link(cid, value["l"])]
    previous = b""
    for entry in value["e"]:
        previous = _entry_key(cid, entry, previous)
        if type(entry["v"]) is not Cid:
            raise InvalidMst(f"tree node {cid} has an entry without a value")
        keys.append(previous)
        values.append(entry["v"])
        kids.append(_link(cid, entry["t"]))
    _check_layer(cid, keys)
    return Node(keys, values, kids, cid, block)


def _link(cid: Cid, link: object) -> Cid | None:
    if link is None or type(link) is Cid:
        return link
    raise InvalidMst(f"tree node {cid} has a subtree that is not a link")


def _entry_key(cid: Cid, entry: object, previous: bytes) -> bytes:
    if type(entry) is not dict or entry.keys() != {"k", "p", "t", "v"}:
        raise InvalidMst(f"tree node {cid} has an entry without the fields k, p, t, v")
    shared, rest = entry["p"], entry["k"]
    if type(shared) is not int or type(rest) is not bytes or not 0 <= shared <= len(previous):
        raise InvalidMst(f"tree node {cid} has a malformed key")
    key = previous[:shared] + rest
    if not 0 < len(key) <= MAX_KEY_BYTES or not key.isascii():
        raise InvalidMst(f"tree node {cid} has a key that is no record path")
    if key <= previous:
        raise InvalidMst(f"tree node {cid} has keys out of order")
    if common_prefix(previous, key) != shared:
        raise InvalidMst(f"tree node {cid} has a key whose prefix is not compressed fully")
    return key


def _check_layer(cid: Cid, keys: Iterable[bytes]) -> None:
    if len({key_height(key) for key in keys}) > 1:
        raise InvalidMst(f"tree node {cid} has keys of different layers")
