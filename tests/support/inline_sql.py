"""Find the SQL that the source reads inline, on the event loop, so that its plans can be checked.

A statement stands in the call as a text, or as the name of one: a constant of its module, or a
local name that was given one of several.
"""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READERS = frozenset(("read", "read_one"))
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class InlineRead:
    """One call that reads inline; `statements` is empty when its SQL could not be found."""

    module: str
    line: int
    statements: tuple[str, ...]


def inline_reads() -> Iterator[InlineRead]:
    for path in sorted((ROOT / "appliance").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for call in _database_reads(function):
                    found = _texts(call.args[0], function, vars(importlib.import_module(module)))
                    yield InlineRead(module, call.lineno, tuple(found))


def _database_reads(function: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in READERS
            and ast.unparse(node.func.value).endswith("db")
            and node.args
        ):
            yield node


def _texts(node: ast.expr, function: ast.AST, names: dict[str, Any]) -> list[str]:
    """Evaluate what a statement can be; nothing if it depends on more than constants."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body, function, names) + _texts(node.orelse, function, names)
    if isinstance(node, ast.Name) and node.id not in names:
        return [
            text
            for each in ast.walk(function)
            if isinstance(each, ast.Assign)
            and any(isinstance(to, ast.Name) and to.id == node.id for to in each.targets)
            for text in _texts(each.value, function, names)
        ]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        table = names.get(node.value.id)
        return [text for text in table.values() if isinstance(text, str)] if table else []
    try:
        code = compile(ast.Expression(node), "<statement>", "eval")
        value = eval(code, {"__builtins__": {}}, names)  # noqa: S307
    except (NameError, TypeError, AttributeError):
        return []
    return [value] if isinstance(value, str) else []
