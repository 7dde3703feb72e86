"""Servers that send back what they get and then say how much that was, with a checksum: one at a port, one at a path.

    servers.py PATH

Prints the port, serves until its standard input ends, and then prints how many connections there were.
"""

import asyncio
import resource
import struct
import sys
import zlib

PATIENCE = 90


async def main(path):
    served = 0

    async def handle(reader, writer):
        nonlocal served
        served += 1
        length, checksum = 0, 0
        while data := await reader.read(10_000):
            length += len(data)
            checksum = zlib.crc32(data, checksum)
            writer.write(data)
            await writer.drain()
        writer.write(struct.pack("<QI", length, checksum))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    tcp = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1000)
    unix = await asyncio.start_unix_server(handle, path, backlog=1000)
    print(tcp.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    tcp.close()
    unix.close()
    print(served)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(asyncio.wait_for(main(sys.argv[1]), PATIENCE))
