"""Which methods were answered well in a whole run, each by an answer measured by its lexicon."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

import pytest

from appliance.atproto.http_port import Response
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.methods import MethodTable
from appliance.atproto.xrpc.server import _Server

ROLES = ("pds", "relay", "labeler", "appview", "directory")
# So many tests are a whole run, fast or slow; what others leave out says nothing.
WHOLE_RUN: Final = 2_000
# What a network like ours has nothing to answer to, says so each time, and is tested for that.
ALWAYS_REFUSED: Final = {
    "app.bsky.ageassurance.begin",
    "app.bsky.contact.importContacts",
    "app.bsky.contact.sendNotification",
    "app.bsky.contact.startPhoneVerification",
    "app.bsky.contact.verifyPhone",
    "app.bsky.unspecced.initAgeAssurance",
    "app.bsky.video.abortUpload",
    "app.bsky.video.finishUpload",
    "app.bsky.video.getJobStatus",
    "app.bsky.video.getUploadStatus",
    "app.bsky.video.startUpload",
    "app.bsky.video.uploadPart",
    "app.bsky.video.uploadVideo",
}
# By servers in this process, and by those of others that `client.checked` has looked at.
ANSWERED: set[str] = set()


def listen() -> None:
    """Note what a server of this process measures, as those in dev mode do, and those asked by it.

    Commands and the panel ask servers in other processes, which fail where an answer does not fit.
    """
    measure, call = _Server._check_output, XrpcClient.call

    def measure_and_note(server: _Server, nsid: str, body: bytes) -> None:
        measure(server, nsid, body)
        ANSWERED.add(nsid)

    async def call_and_note(client: XrpcClient, method: str, nsid: str, **rest: Any) -> Response:
        answer = await call(client, method, nsid, **rest)
        ANSWERED.add(nsid)
        return answer

    XrpcClient.call = call_and_note  # type: ignore[assignment, method-assign]
    _Server._check_output = measure_and_note  # type: ignore[assignment, method-assign]


class LookingBack:
    """A plugin: a whole run fails that has not seen every method answered, in whichever process."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def pytest_testnodedown(self, node: Any) -> None:
        """Hear what a process of tests has seen."""
        ANSWERED.update(getattr(node, "workeroutput", {}).get("answered", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell it to the process that gathers, or judge."""
        told = getattr(session.config, "workeroutput", None)
        if told is not None:
            told["answered"] = sorted(ANSWERED)
            return
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or len(terminal.stats.get("passed", ())) < WHOLE_RUN:
            return
        methods = with_an_answer()
        self.problems = [
            *(
                f"{nsid}: nothing has shown an answer as its lexicon says"
                for nsid in methods - ANSWERED - ALWAYS_REFUSED
            ),
            *(
                f"{nsid}: answers, though it stands among what is always refused"
                for nsid in methods & ANSWERED & ALWAYS_REFUSED
            ),
        ]
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say which."""
        for each in sorted(self.problems):
            terminalreporter.write_line(each, red=True)


def with_an_answer() -> set[str]:
    """Name the methods of all roles that answer with JSON."""
    catalog = load_catalog()
    found: set[str] = set()
    for role in ROLES:
        package = import_module(f"appliance.{role}.xrpc")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            table = getattr(import_module(module.name), "methods", None)
            if isinstance(table, MethodTable):
                found |= table.methods.keys()
    return {nsid for nsid in found if _has_json(catalog.definition(nsid))}


def _has_json(method: dict[str, object]) -> bool:
    output = method.get("output")
    return isinstance(output, dict) and "schema" in output
