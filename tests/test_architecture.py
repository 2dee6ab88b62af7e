"""The house rules that no other tool checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import apsw
import pytest

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.xrpc.methods import snake_case
from appliance.base.database import scans_a_table
from tests.support.inline_sql import inline_reads

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "appliance"
LONGEST_FILE = 400
SOURCES = sorted(PACKAGE.rglob("*.py"))
CODE = [
    path
    for folder in ("appliance", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
]
XRPC_FILES = sorted(PACKAGE.glob("*/xrpc/*.py"))
ROLES = ("pds", "relay", "labeler", "appview", "directory", "neighbours")
SCHEMAS = {
    "pds": ["pds/schema"],
    "relay": ["relay/schema"],
    "labeler": ["labeler/schema"],
    "directory": ["directory/schema"],
    "neighbours": ["neighbours/schema"],
    "appview": ["appview/schema", "appview/schema_viewers"],
    "firehose": ["pds/schema", "relay/schema"],
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Give a file's module and all that is in it."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module", autouse=True)
def _forget_what_was_read() -> Iterator[None]:
    yield
    nodes.cache_clear()


def tree(path: Path) -> ast.Module:
    module = nodes(path)[0]
    assert isinstance(module, ast.Module)
    return module


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Give each call of a file with what is called, as "asyncio.create_task"."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_no_file_is_longer_than_can_be_read_in_one_go() -> None:
    long = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert {path: lines for path, lines in long.items() if lines > LONGEST_FILE} == {}


def test_imports_keep_to_their_floors() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(  # noqa: S603
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_init_file_is_a_docstring_and_nothing_else() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        body = tree(path).body
        assert len(body) == 1, name(path)
        assert isinstance(body[0], ast.Expr), name(path)
        assert len(ast.get_docstring(tree(path)) or "") > 20, f"{name(path)} maps nothing"


def test_only_workers_starts_tasks() -> None:
    pattern = re.compile(r"(^|\.)(create_task|ensure_future|TaskGroup)$")
    found = {name(path) for path in SOURCES for called, _ in calls(path) if pattern.search(called)}
    assert found <= {"appliance/base/workers.py"}


def test_nobody_waits_in_a_way_that_loses_the_word_to_end() -> None:
    """In Python 3.11 wait_for swallows a cancellation that comes with what is waited for."""
    found = {
        name(path) for path in SOURCES for called, _ in calls(path) if called == "asyncio.wait_for"
    }
    assert found == set()


def test_only_two_places_catch_whatever_is_raised() -> None:
    found = set()
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                caught = "bare" if node.type is None else ast.unparse(node.type)
                raises = any(isinstance(inner, ast.Raise) for inner in node.body)
                if re.search(r"\b(bare|Exception|BaseException)\b", caught) and not raises:
                    found.add(name(path))
    assert found <= {"appliance/base/workers.py", "appliance/atproto/xrpc/server.py"}


def test_sqlite_is_reached_through_base_only() -> None:
    for path in SOURCES:
        modules = {module.partition(".")[0] for module in imported(path)}
        assert "sqlite3" not in modules, name(path)


def test_nothing_prints_but_the_command_line() -> None:
    allowed = re.compile(r"appliance/(cli|trial|operator|service)\.py")
    for path in SOURCES:
        if not allowed.fullmatch(name(path)):
            assert all(called != "print" for called, _ in calls(path)), name(path)


def test_no_import_is_for_types_only() -> None:
    for path in SOURCES:
        assert "typing.TYPE_CHECKING" not in imported(path), name(path)


def test_no_work_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO(?!\(#\d+\))|FIXME|XXX|HACK)\b|\bNotImplementedError\b")
    skips = re.compile(r"pytest\.(skip|mark\.skip|xfail|mark\.xfail)\b")
    for path in CODE:
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        assert not marks.search(text), name(path)
        assert not skips.search(text), name(path)


def test_no_file_names_a_place_on_one_machine() -> None:
    pattern = re.compile(r"""["']/(home|root|Users|work)/""")
    for path in CODE:
        if path != Path(__file__):
            assert not pattern.search(path.read_text(encoding="utf-8")), name(path)


def test_sql_stands_with_its_tables_only() -> None:
    sql = re.compile(r"\b(SELECT|INSERT INTO|INSERT OR|UPDATE \w+ SET|DELETE FROM|PRAGMA)\b")
    for role in (*ROLES, "admin"):
        for path in sorted((PACKAGE / role).rglob("*.py")):
            inner = path.relative_to(PACKAGE / role)
            if inner.parts[0] not in ("xrpc", "pages", "views", "role.py", "app.py"):
                continue
            for node in nodes(path):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert not sql.search(node.value), f"{name(path)}:{node.lineno}"
            for called, node in calls(path):
                assert not called.endswith(".execute"), f"{name(path)}:{node.lineno}"


def declared_methods(path: Path) -> Iterator[tuple[str, str]]:
    """Give the NSID and the function name of each method a file declares."""
    for node in nodes(path):
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) in (
                "methods.query",
                "methods.procedure",
                "methods.subscription",
            ):
                assert isinstance(decorator.args[0], ast.Constant), name(path)
                yield str(decorator.args[0].value), node.name


def test_a_method_is_found_by_its_name() -> None:
    catalog = load_catalog()
    count = 0
    for path in XRPC_FILES:
        for nsid, function in declared_methods(path):
            authority, _, last = nsid.rpartition(".")
            # Our own namespace is small: one file of a role holds all of it.
            own = authority.startswith("internal.hearth.")
            stem = "internal_hearth" if own else authority.replace(".", "_")
            assert path.stem == stem or path.stem.startswith(f"{stem}_"), f"{nsid} in {name(path)}"
            assert function == snake_case(last), f"{nsid} is {function} in {name(path)}"
            assert catalog.has(nsid), nsid
            count += 1
    assert count > 100


def test_a_test_file_stands_where_its_module_does() -> None:
    assert {path.parent.name for path in (ROOT / "tests" / "base").glob("test_*.py")} == {"base"}
    for path in (ROOT / "tests" / "base").glob("test_*.py"):
        assert (PACKAGE / "base" / path.name.removeprefix("test_")).exists(), name(path)


@pytest.fixture(scope="module")
def databases() -> dict[str, list[apsw.Connection]]:
    """Make an empty database of each role in memory."""
    made: dict[str, list[apsw.Connection]] = {}
    for role, folders in SCHEMAS.items():
        made[role] = []
        for folder in folders:
            conn = apsw.Connection(":memory:")
            for path in sorted((PACKAGE / folder).glob("*.sql")):
                conn.execute(path.read_text(encoding="utf-8"))
            made[role].append(conn)
    return made


def test_every_inline_read_is_by_an_index_and_bounded(
    databases: dict[str, list[apsw.Connection]],
) -> None:
    scans: list[str] = []
    unknown: list[str] = []
    checked = 0
    for read in inline_reads():
        role = read.module.split(".")[1]
        if role not in databases:
            continue
        where = f"{read.module}:{read.line}"
        if not read.statements:
            unknown.append(where)
        for sql in read.statements:
            checked += 1
            if _scans_everywhere(databases[role], sql):
                scans.append(f"{where}: {sql}")
    assert scans == []
    assert unknown == []
    assert checked > 50


def _scans_everywhere(databases: list[apsw.Connection], sql: str) -> bool:
    """Tell whether a statement scans in the database that has its tables."""
    errors: list[Exception] = []
    for conn in databases:
        try:
            return scans_a_table(conn, sql)
        except apsw.SQLError as error:
            errors.append(error)
    raise AssertionError(f"{sql}: {errors}")
