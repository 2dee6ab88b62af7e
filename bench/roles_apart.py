"""Hearth as `hearth@.service` runs it, relay and AppView in a process of their own.

    python -m bench.compare create_record --ours "{python} -m bench.roles_apart {data}/data"

Says on one line of JSON where it is, as `hearth try --json` does, once every role answers; ends
when told to. Processor and memory are those of all processes together.
"""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import orjson

from appliance.settings_file import save
from bench.servers import HEALTH
from tests.support.whole_house import place

MAIN = ("directory", "pds", "labeler", "admin")
OTHERS = ("relay", "appview")


async def started(stack: AsyncExitStack, data: Path, *roles: str) -> None:
    words = [word for role in roles for word in ("--role", role)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "run", "--data", str(data), *words),
        env={**os.environ, "HEARTH_NETWORK_MODE": "dev"},
        stdout=sys.stderr,
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)


async def main(data: Path) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    with place() as where:
        settings = where.settings(data)
        save(settings)
        urls = {
            "pds_url": settings.pds.url,
            "relay_url": settings.relay.public_url,
            "appview_url": settings.appview.public_url,
            "plc_url": f"http://localhost:{where.ports['directory']}",
        }
    async with AsyncExitStack() as stack:
        await started(stack, data, *OTHERS)
        await started(stack, data, *MAIN)
        async with aiohttp.ClientSession() as http:
            for name, url in urls.items():
                await answered(http, f"{url}{HEALTH[name]}")
        print(orjson.dumps(urls).decode(), flush=True)
        await told.wait()


async def answered(http: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with http.get(url) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    asyncio.run(main(folder))
