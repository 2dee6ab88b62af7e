"""Check records, parameters, inputs, outputs and stream messages against their lexicons."""

from collections.abc import Callable
from typing import Any, TypeAlias

from appliance.atproto.lexicon import blob_rules
from appliance.atproto.lexicon.catalog import Catalog, Definition, full_ref
from appliance.atproto.lexicon.compile import Compiler, Form
from appliance.atproto.lexicon.errors import InvalidRecord, InvalidValue, UnknownLexicon
from appliance.atproto.lexicon.parameters import ParametersParser, Query
from appliance.atproto.lexicon.strings import Check

Filler: TypeAlias = Callable[[Any], Any]


class Validator:
    """Check values against the lexicons of a catalog.

    Nothing is compiled before its first use. Records and messages are taken in value form (Cid and
    bytes objects), inputs and outputs in JSON form ($link and $bytes objects). Properties a schema
    does not name are let through. https://atproto.com/specs/lexicon
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._values = Compiler(catalog, Form.VALUE)
        self._jsons = Compiler(catalog, Form.JSON)
        self._parameters: dict[str, ParametersParser] = {}
        self._inputs: dict[str, tuple[Check, Filler]] = {}
        self._outputs: dict[str, Check] = {}

    def knows_record(self, nsid: str) -> bool:
        return self.catalog.is_record(nsid)

    def record_key_rule(self, nsid: str) -> str:
        """Return a collection's rule for keys: "tid", "any", "nsid" or "literal:<key>".

        Raises UnknownLexicon.
        """
        return str(self._record_definition(nsid)["key"])

    def record(self, nsid: str, value: Any) -> None:
        """Check a record of a collection, in value form. Raises InvalidRecord, UnknownLexicon."""
        self._record_definition(nsid)
        if type(value) is not dict:
            raise InvalidRecord("must be an object", "record")
        kind = value.get("$type")
        if kind != nsid:
            raise InvalidRecord(f"must be {nsid!r}", "record", "$type")
        try:
            _run(self._values.named(f"{nsid}#main"), value, "record")
        except InvalidValue as bad:
            raise InvalidRecord(bad.expected, *bad.path) from None

    def blob_rules(self, nsid: str, value: Any) -> list[blob_rules.BlobRule]:
        """Return each blob of a record with the MIME types and the size (bytes) its schema allows.

        The record is taken to be valid; of an unknown collection any blob is allowed.
        """
        return blob_rules.blob_rules(self.catalog, nsid, value)

    def parameters(self, nsid: str, query: Query) -> dict[str, Any]:
        """Parse the query parameters of a method; fill in defaults.

        Strings with a format come as that format's class. A parameter that is absent and has no
        default is absent in the result. Raises InvalidValue, UnknownLexicon.
        """
        parser = self._parameters.get(nsid)
        if parser is None:
            schema = self._method(nsid).get("parameters", {})
            parser = self._parameters[nsid] = ParametersParser(schema)
        return parser(query)

    def input(self, nsid: str, value: Any) -> Any:
        """Check the JSON input of a procedure; return it with defaults filled in.

        Formats are checked, values are left as they are. Raises InvalidValue, UnknownLexicon.
        """
        known = self._inputs.get(nsid)
        if known is None:
            schema = self._method(nsid).get("input", {}).get("schema")
            known = self._inputs[nsid] = self._body_check(schema, nsid), self._filler(schema, nsid)
        check, fill = known
        filled = fill(value)
        _run(check, filled, "input")
        return filled

    def output(self, nsid: str, value: Any) -> None:
        """Check the JSON output of a method. Raises InvalidValue, UnknownLexicon."""
        check = self._outputs.get(nsid)
        if check is None:
            schema = self._method(nsid).get("output", {}).get("schema")
            check = self._outputs[nsid] = self._body_check(schema, nsid)
        _run(check, value, "output")

    def message(self, nsid: str, kind: str, value: Any) -> None:
        """Check the body of a stream message, in value form; kind is the frame's "t" ("#commit").

        Raises InvalidValue, UnknownLexicon.
        """
        refs = self._method(nsid)["message"]["schema"]["refs"]
        ref = full_ref(kind, nsid)
        if ref not in {full_ref(each, nsid) for each in refs}:
            raise InvalidValue(f"must be one of: {', '.join(refs)}", "message")
        _run(self._values.named(ref), value, "message")

    def _method(self, nsid: str) -> Definition:
        try:
            return self.catalog.methods[nsid]
        except KeyError:
            raise UnknownLexicon(nsid) from None

    def _record_definition(self, nsid: str) -> Definition:
        if not self.catalog.is_record(nsid):
            raise UnknownLexicon(nsid)
        return self.catalog.definition(nsid)

    def _body_check(self, schema: Definition | None, nsid: str) -> Check:
        return _check_nothing if schema is None else self._jsons.schema(schema, nsid)

    def _filler(self, schema: Definition | None, nsid: str) -> Filler:
        """Return what fills the defaults of an input's own properties into a copy of it."""
        while schema is not None and schema["type"] == "ref":
            ref = full_ref(schema["ref"], nsid)
            schema, nsid = self.catalog.lookup(ref), ref.partition("#")[0]
        properties = schema.get("properties", {}) if schema else {}
        defaults = {name: item["default"] for name, item in properties.items() if "default" in item}
        if not defaults:
            return _unchanged
        return lambda value: {**defaults, **value} if isinstance(value, dict) else value


def _run(check: Check, value: Any, root: str) -> None:
    try:
        check(value)
    except InvalidValue as bad:
        bad.within(root)
        raise
    except RecursionError:
        raise InvalidValue("must not be nested so deeply", root) from None


def _check_nothing(value: Any) -> None:
    """Accept any value: the lexicon declares no schema here."""


def _unchanged(value: Any) -> Any:
    return value
