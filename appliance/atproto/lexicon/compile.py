"""Make lexicon definitions into closures, each checking one value.

A value comes in one of two forms: VALUE, the data model as decoded from DAG-CBOR (Cid and bytes
objects), or JSON, as it travels in requests and responses ($link and $bytes objects).
"""

import re
import threading
from base64 import b64decode
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.catalog import Catalog, Definition, full_ref
from appliance.atproto.lexicon.errors import InvalidLexicon, InvalidValue
from appliance.atproto.lexicon.strings import Check, check_string, string_check

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)


class Form(Enum):
    """Say how CIDs and bytes are written in the values to check."""

    VALUE = "value"
    JSON = "json"


class Compiler:
    """Compile definitions on first use and keep the closures; one compiler for each form."""

    def __init__(self, catalog: Catalog, form: Form) -> None:
        self._catalog = catalog
        self._form = form
        self._named: dict[str, Check | None] = {}  # None while it is being compiled
        self._lock = threading.RLock()
        self._makers: dict[str, Callable[[Definition, str], Check]] = {
            "object": self._object,
            "record": lambda schema, nsid: self._object(schema["record"], nsid),
            "array": self._array,
            "union": self._union,
            "ref": lambda schema, nsid: self.named(full_ref(schema["ref"], nsid)),
            "string": lambda schema, nsid: string_check(schema),
            "integer": lambda schema, nsid: integer_check(schema),
            "boolean": lambda schema, nsid: _boolean(schema),
            "blob": lambda schema, nsid: _blob(schema, _is_cid if self._by_value else _is_link),
            "bytes": lambda schema, nsid: _bytes(
                schema, _size_of_bytes if self._by_value else _size_of_json_bytes
            ),
            "cid-link": lambda schema, nsid: _cid_link(_is_cid if self._by_value else _is_link),
            "token": lambda schema, nsid: check_string,
            "unknown": lambda schema, nsid: _check_unknown,
        }

    @property
    def _by_value(self) -> bool:
        return self._form is Form.VALUE

    def named(self, ref: str) -> Check:
        """Return the check of a definition, by its full reference. Raises UnknownLexicon."""
        known = self._named.get(ref)
        if known is not None:
            return known
        with self._lock:  # the event loop and the writers of databases all validate
            return self._compile(ref)

    def _compile(self, ref: str) -> Check:
        known = self._named.get(ref)
        if known is not None:
            return known
        if ref in self._named:  # it refers to itself: look it up when it is used
            return lambda value: self.named(ref)(value)
        self._named[ref] = None
        try:
            check = self.schema(self._catalog.lookup(ref), ref.partition("#")[0])
        except BaseException:
            del self._named[ref]
            raise
        self._named[ref] = check
        return check

    def schema(self, schema: Definition, nsid: str) -> Check:
        """Return the check of a schema that stands in document nsid."""
        make = self._makers.get(schema["type"])
        if make is None:
            raise InvalidLexicon(f"{nsid}: no value can be of type {schema['type']!r}")
        return make(schema, nsid)

    def _object(self, schema: Definition, nsid: str) -> Check:
        nullable = frozenset(schema.get("nullable", ()))
        required = tuple(schema.get("required", ()))
        properties = {
            name: _or_null(self.schema(item, nsid)) if name in nullable else self.schema(item, nsid)
            for name, item in schema.get("properties", {}).items()
        }

        def check(value: Any) -> None:
            if type(value) is not dict:
                raise InvalidValue("must be an object")
            for name in required:
                if name not in value:
                    raise InvalidValue(f"must have the property {name!r}")
            name = ""
            try:
                for name, item in value.items():
                    if (check_property := properties.get(name)) is not None:
                        check_property(item)
            except InvalidValue as bad:
                bad.within(name)
                raise

        return check

    def _array(self, schema: Definition, nsid: str) -> Check:
        check_item = self.schema(schema["items"], nsid)
        check_length = length_check(schema, "items")

        def check(value: Any) -> None:
            if type(value) is not list:
                raise InvalidValue("must be an array")
            check_length(len(value))
            index = 0
            try:
                for index, item in enumerate(value):  # noqa: B007
                    check_item(item)
            except InvalidValue as bad:
                bad.within(index)
                raise

        return check

    def _union(self, schema: Definition, nsid: str) -> Check:
        refs = [full_ref(ref, nsid) for ref in schema["refs"]]
        checks = {ref: self.named(ref) for ref in refs}
        checks |= {ref.removesuffix("#main"): check for ref, check in checks.items()}
        closed: bool = schema.get("closed", False)
        names = ", ".join(ref.removesuffix("#main") for ref in refs)

        def check(value: Any) -> None:
            if type(value) is not dict:
                raise InvalidValue("must be an object")
            kind = value.get("$type")
            if not isinstance(kind, str) or not kind:
                raise InvalidValue("must be an object that names its $type")
            if (check_kind := checks.get(kind)) is not None:
                check_kind(value)
            elif closed:
                raise InvalidValue(f"must be one of: {names}")

        return check


def _or_null(check: Check) -> Check:
    def check_nullable(value: Any) -> None:
        if value is not None:
            check(value)

    return check_nullable


def integer_check(schema: Definition) -> Check:
    low, high = schema.get("minimum"), schema.get("maximum")
    allowed = schema.get("enum")
    if "const" in schema:
        allowed = [schema["const"]]

    def check(value: Any) -> None:
        if type(value) is not int:
            raise InvalidValue("must be an integer")
        if low is not None and value < low:
            raise InvalidValue(f"must be at least {low}")
        if high is not None and value > high:
            raise InvalidValue(f"must be at most {high}")
        if allowed is not None and value not in allowed:
            raise InvalidValue(f"must be one of: {', '.join(map(str, allowed))}")

    return check


def _boolean(schema: Definition) -> Check:
    wanted = schema.get("const")

    def check(value: Any) -> None:
        if type(value) is not bool:
            raise InvalidValue("must be a boolean")
        if wanted is not None and value is not wanted:
            raise InvalidValue(f"must be {str(wanted).lower()}")

    return check


def length_check(schema: Definition, unit: str) -> Callable[[int], None]:
    low: int = schema.get("minLength", 0)
    high: int | None = schema.get("maxLength")

    def check(length: int) -> None:
        if length < low:
            raise InvalidValue(f"must not have fewer than {low} {unit}")
        if high is not None and length > high:
            raise InvalidValue(f"must not have more than {high} {unit}")

    return check


def _bytes(schema: Definition, size_of: Callable[[Any], int | None]) -> Check:
    check_length = length_check(schema, "bytes")

    def check(value: Any) -> None:
        size = size_of(value)
        if size is None:
            raise InvalidValue("must be bytes")
        check_length(size)

    return check


def _size_of_bytes(value: Any) -> int | None:
    return len(value) if type(value) is bytes else None


def _size_of_json_bytes(value: Any) -> int | None:
    text = value.get("$bytes") if type(value) is dict and len(value) == 1 else None
    if not isinstance(text, str) or not _BASE64.fullmatch(text):
        return None
    digits = text.rstrip("=")
    if len(digits) % 4 == 1:
        return None
    return len(b64decode(digits + "=" * (-len(digits) % 4)))


def _cid_link(is_link: Callable[[Any], bool]) -> Check:
    def check(value: Any) -> None:
        if not is_link(value):
            raise InvalidValue("must be a CID link")

    return check


def _is_cid(value: Any) -> bool:
    return isinstance(value, Cid)


def _is_link(value: Any) -> bool:
    text = value.get("$link") if type(value) is dict and len(value) == 1 else None
    if not isinstance(text, str):
        return False
    try:
        Cid.parse(text)
    except ValueError:
        return False
    return True


def _blob(schema: Definition, is_link: Callable[[Any], bool]) -> Check:
    accept: list[str] = schema.get("accept", ["*/*"])
    max_size: int | None = schema.get("maxSize")

    def check(value: Any) -> None:
        if type(value) is not dict or value.get("$type") != "blob":
            raise InvalidValue("must be a blob")
        mime_type, size = value.get("mimeType"), value.get("size")
        if not is_link(value.get("ref")) or not isinstance(mime_type, str) or not mime_type:
            raise InvalidValue("must be a blob with a ref and a mimeType")
        if type(size) is not int or size < 0:
            raise InvalidValue("must be a blob with its size in bytes")
        if not mime_matches(mime_type, accept):
            raise InvalidValue(f"must be a blob of type {' or '.join(accept)}")
        if max_size is not None and size > max_size:
            raise InvalidValue(f"must be a blob of at most {max_size} bytes")

    return check


def mime_matches(mime_type: str, accept: Sequence[str]) -> bool:
    """Tell whether a MIME type is one of those accepted ("image/png", "image/*", "*/*")."""
    kind = mime_type.partition(";")[0].strip().lower()
    return any(
        pattern in (kind, "*/*") or (pattern.endswith("/*") and kind.startswith(pattern[:-1]))
        for pattern in accept
    )


def _check_unknown(value: Any) -> None:
    if type(value) is not dict:
        raise InvalidValue("must be an object")
    if "$bytes" in value or "$link" in value or value.get("$type") == "blob":
        raise InvalidValue("must be an object, not bytes, a link or a blob")
