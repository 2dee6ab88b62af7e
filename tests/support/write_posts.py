"""Write posts from inside a machine: URL of the PDS, handle, how many."""

import asyncio
import sys

import aiohttp

from tests.support.client import PASSWORD, sign_in


async def main(url: str, handle: str, count: int) -> None:
    async with aiohttp.ClientSession() as http:
        member = await sign_in(http, url, handle, PASSWORD)
        for number in range(count):
            await member.write_post(f"post {number}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
