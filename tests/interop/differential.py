"""Ask ours and the reference the same, and say where they differ.

Run by hand: `python -m tests.interop.differential [WORD]...` prints the differences of the scenes
whose names hold one of the words; `-v` prints every answer.
"""

import argparse
import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import orjson
from yarl import URL

from tests.interop.asking import NOTHING, Ask, Do, Scene, Step
from tests.interop.corpus.scenes import SCENES
from tests.interop.outcomes import Answer, Outcome, outcome, unpacked, value_shape
from tests.interop.sides import Side, two_sides

PIECE = 16 * 1024
LARGE = 2**20
ABSENT = "(absent)"


@dataclass(frozen=True)
class Pair:
    """Both answers to one step."""

    scene: str
    line: int
    what: str
    ours: Outcome
    theirs: Outcome

    @property
    def name(self) -> str:
        return f"{self.scene}: {self.what}"

    @property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """What differs: ours, theirs; fields of the output are named by their path."""
        return dict(_different("", self.ours.parts(), self.theirs.parts()))


def _different(path: str, ours: Any, theirs: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            below = f"{path}.{name}" if path else name
            yield from _different(below, ours.get(name, ABSENT), theirs.get(name, ABSENT))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _different(f"{path}.{number}", mine, other)
    elif ours != theirs:
        yield path, (ours, theirs)


async def run(scenes: Sequence[Scene]) -> list[Pair]:
    """Ask everything; scenes with and without invites have servers of their own."""
    pairs: list[Pair] = []
    for invites in (False, True):
        chosen = [scene for scene in scenes if scene.invites == invites]
        if not chosen:
            continue
        async with two_sides(invites=invites) as sides:
            for scene in chosen:
                pairs += await _play(scene, *sides) if scene.alone else []
            async with asyncio.TaskGroup() as together:
                plays = [
                    together.create_task(_play(scene, *sides))
                    for scene in chosen
                    if not scene.alone
                ]
            for play in plays:
                pairs += play.result()
    return pairs


async def _play(scene: Scene, ours: Side, theirs: Side) -> list[Pair]:
    """Go through a scene, at both sides at once, step by step; what it keeps is its own."""
    ours, theirs = (replace(side, known=dict(side.known)) for side in (ours, theirs))
    pairs = []
    for step in scene.steps:
        here, there = await asyncio.gather(take(step, ours), take(step, theirs))
        if here is not None and there is not None:
            pairs.append(Pair(scene.name, step.line, step.what, here, there))
    return pairs


async def take(step: Step, side: Side) -> Outcome | None:
    """Do one step at one side; give what is compared, if anything is."""
    if isinstance(step, Do):
        told = await step.run(side)
        return None if told is None else Outcome(0, "", value_shape(side, told), {})
    answer = await send(step, side)
    # Compared before it is kept: an answer is told by names that both had before.
    kept = {name: _part(answer.json, path) for name, path in step.keep.items()}
    side.known |= kept
    return outcome(side, answer, tuple(step.look))


async def send(step: Ask, side: Side) -> Answer:
    """Send one request as it is written."""
    path = step.path if step.path.startswith("/") else f"/xrpc/{step.path}"
    url = URL(side.url).joinpath(path.lstrip("/"), encoded=True)
    url = url.with_query([(name, side.fill(value)) for name, value in step.params])
    headers = side.fill(dict(step.headers))
    headers |= _credentials(step.who, side)
    data: Any = None
    if step.send is not NOTHING:
        data = orjson.dumps(side.fill(step.send))
        headers.setdefault("Content-Type", "application/json")
    elif step.body is not None:
        data = side.fill(step.body).encode() if isinstance(step.body, str) else step.body
    if step.chunked:
        data = _pieces(data)
    elif data and len(data) > LARGE:
        data = BytesIO(data)
    async with side.http.request(
        step.verb,
        url,
        data=data,
        headers=headers,
        skip_auto_headers=("Content-Type", "Accept-Encoding", "Accept"),
        allow_redirects=False,
    ) as answer:
        body = await answer.read()
        return Answer(answer.status, answer.headers, unpacked(body, answer.headers))


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), PIECE):
        yield data[at : at + PIECE]


def _credentials(who: str, side: Side) -> dict[str, str]:
    if not who:
        return {}
    if who == "operator":
        basic = base64.b64encode(f"admin:{side.operator_token}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}
    name = who if "." in who else f"{who}.access"
    return {"Authorization": f"Bearer {side.known.get(name, 'missing')}"}


def _part(value: Any, path: str) -> str:
    """Follow a path as "commit.cid" or "blobs.0" into an answer."""
    with contextlib.suppress(KeyError, IndexError, TypeError, ValueError):
        for name in path.split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    return "missing"


def main() -> None:
    """Print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    chosen = [
        scene
        for scene in SCENES
        if not args.words or any(word in scene.name for word in args.words)
    ]
    pairs = asyncio.run(run(chosen))
    for pair in pairs:
        if args.v or pair.differences:
            sys.stdout.write(
                f"{pair.line:3} {pair.name}  [{pair.ours.short} | {pair.theirs.short}]\n"
            )
        if args.v:
            sys.stdout.write(f"      {str(pair.ours.shape)[:300]}\n")
        for part, (ours, theirs) in pair.differences.items():
            sys.stdout.write(f"    {part}: ours {str(ours)[:300]} | theirs {str(theirs)[:300]}\n")
    different = sum(bool(pair.differences) for pair in pairs)
    sys.stdout.write(f"{len(pairs)} answers compared, {different} differ\n")


if __name__ == "__main__":
    main()
