"""A network at home on a machine of 512 MB and a quarter of a core: start, memory, waiting times.

    python bench/small_machine.py        as root, where the kernel has cgroups (v1)

`hearth run` in the mode "home", in a control group of its own. Twenty members, all at once, post,
upload pictures, sign in and read what is new, each with pauses of a second in the middle, for a
minute. What is asked for is p95 below 300 ms.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.machine import control_group

MEMORY = 512 << 20
SHARE = 0.25
SECONDS = 60.0
MEMBERS = tuple(f"member{number}" for number in range(20))
# Between two calls of one member, in the middle.
PAUSE = 1.0
# One call in so many is to sign in, or to upload.
SELDOM = 40
DOOR, PANEL = 23580, 23587
HOST = "hearth.home"
PASSWORD = "correct horse battery"  # noqa: S105
PAGES = {
    "timeline": "feed.getTimeline?limit=50",
    "news": "notification.listNotifications",
}
SETTINGS = f"""\
[network]
mode = "home"
[pds]
hostname = "{HOST}"
invites_required = false
[door]
port = {DOOR}
[admin]
port = {PANEL}
"""


def ask(path: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{DOOR}{path}", body, {"Host": HOST, **headers}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def post(nsid: str, token: str = "", **fields: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return ask(f"/xrpc/{nsid}", json.dumps(fields).encode(), **headers)


def until_it_answers(child: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    while child.poll() is None:
        try:
            ask("/xrpc/app.bsky.feed.getTimeline?limit=1")
        except urllib.error.HTTPError:
            return time.monotonic() - began
        except OSError:
            time.sleep(0.05)
    raise SystemExit("it ended")


def picture() -> bytes:
    drawn = BytesIO()
    Image.effect_noise((1600, 1200), 60).convert("RGB").save(drawn, "JPEG", quality=80)
    return drawn.getvalue()


def work(took: dict[str, list[float]]) -> None:
    """Let the members do what people do."""

    def timed(what: str, call: Callable[[], Any]) -> Any:
        began = time.monotonic()
        answer = call()
        took.setdefault(what, []).append(time.monotonic() - began)
        return answer

    people = [timed("join", lambda name=name: join(name)) for name in MEMBERS]
    for number, one in enumerate(people):
        for other in people[:number]:
            write(one, "app.bsky.graph.follow", subject=other["did"])
    shot = picture()
    end = time.monotonic() + SECONDS

    def live(one: Any) -> None:
        chance = random.Random(one["did"])  # noqa: S311
        bearer = {"Authorization": f"Bearer {one['accessJwt']}"}
        kind = {"Content-Type": "image/jpeg", **bearer}
        calls: list[tuple[str, Callable[[], Any]]] = [
            ("post", lambda: write(one, "app.bsky.feed.post", text="something new")),
            *(
                (what, lambda path=path: ask(f"/xrpc/app.bsky.{path}", **bearer))
                for what, path in PAGES.items()
            ),
        ]
        seldom: list[tuple[str, Callable[[], Any]]] = [
            ("sign in", lambda: sign_in(one)),
            (
                f"upload {len(shot) >> 10} kB",
                lambda: ask("/xrpc/com.atproto.repo.uploadBlob", shot, **kind),
            ),
        ]
        while time.monotonic() < end:
            time.sleep(chance.uniform(0, 2 * PAUSE))
            timed(*chance.choice(calls if chance.randrange(SELDOM) else seldom))

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(live, people))


def join(name: str) -> Any:
    known = {"handle": f"{name}.{HOST}", "email": f"{name}@example.com"}
    return post("com.atproto.server.createAccount", **known, password=PASSWORD)


def sign_in(member: Any) -> Any:
    known = {"identifier": member["handle"], "password": PASSWORD}
    return post("com.atproto.server.createSession", **known)


def write(member: Any, collection: str, **record: Any) -> Any:
    value = {"$type": collection, "createdAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    return post(
        "com.atproto.repo.createRecord",
        member["accessJwt"],
        repo=member["did"],
        collection=collection,
        record={**value, **record},
    )


def report(memory: Path, start: float, took: dict[str, list[float]]) -> None:
    most = int((memory / "memory.max_usage_in_bytes").read_text())
    failures = int((memory / "memory.failcnt").read_text())
    stat = dict(line.split() for line in (memory / "memory.stat").read_text().splitlines())
    print(f"from start to answering  {start:.1f} s")
    own = int(stat["rss"]) >> 20
    print(f"memory of its own        {own} MB (with the cache of files at most {most >> 20} MB)")
    print(f"times at the limit       {failures}")
    print(f"{'':24} {'calls':>6} {'p50 ms':>8} {'p95 ms':>8}")
    of_members = [each for what, times in took.items() if what != "join" for each in times]
    for what, times in {**took, "all but to join": of_members}.items():
        times.sort()
        last = times[min(len(times) - 1, int(len(times) * 0.95))]
        print(f"{what:24} {len(times):6} {statistics.median(times) * 1e3:8.0f} {last * 1e3:8.0f}")


def main() -> None:
    """Run it all."""
    with tempfile.TemporaryDirectory() as around, control_group(MEMORY, SHARE) as groups:
        data = Path(around, "data")
        data.mkdir(mode=0o700)
        (data / "hearth.toml").write_text(SETTINGS)
        enter = "; ".join(f"echo $$ >{place}/cgroup.procs" for place in groups)
        command = f'{enter}; exec "$0" -m appliance run --data "{data}"'
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(["sh", "-c", command, sys.executable], **quiet)  # noqa: S603, S607
        try:
            start = until_it_answers(child)
            took: dict[str, list[float]] = {}
            work(took)
            report(groups[0], start, took)
        finally:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    main()
