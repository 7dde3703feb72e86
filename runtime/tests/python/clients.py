"""Clients of a server that sends back what it gets and then says how much that was, with a checksum.

    clients.py SEED COUNT tcp PORT | unix PATH  ...

Opens COUNT connections to each of the servers and, once all of them stand, sends bytes of random sizes through each, half-closes it
and compares what comes back. Prints how many were right; any mistake is an error.
"""

import asyncio
import random
import resource
import struct
import sys
import zlib

PATIENCE = 90
AT_ONCE = 50


async def exchange(reader, writer, seed):
    chance = random.Random(seed)
    sent = chance.randbytes(chance.choice([0, 1, 17, 4096, 65536, chance.randrange(100_000)]))

    async def send():
        rest = sent
        while rest:
            piece = chance.randrange(1, 20_000)
            writer.write(rest[:piece])
            rest = rest[piece:]
            await writer.drain()
        writer.write_eof()

    sending = asyncio.ensure_future(send())
    got = await reader.read()
    await sending
    length, checksum = struct.unpack("<QI", got[-12:])
    assert got[:-12] == sent, f"connection {seed}: other bytes came back"
    assert (length, checksum) == (len(sent), zlib.crc32(sent)), f"connection {seed}: other bytes arrived"
    writer.close()
    await writer.wait_closed()


async def main(seed, count, servers):
    gate = asyncio.Semaphore(AT_ONCE)

    async def connect(kind, where):
        async with gate:
            if kind == "tcp":
                return await asyncio.open_connection("127.0.0.1", int(where))
            return await asyncio.open_unix_connection(where)

    places = [place for place in servers for _ in range(count)]
    connections = await asyncio.gather(*(connect(*place) for place in places))
    await asyncio.gather(*(exchange(*pair, seed + number) for number, pair in enumerate(connections)))
    print(len(connections))


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seed, count, *rest = sys.argv[1:]
    servers = list(zip(rest[::2], rest[1::2]))
    asyncio.run(asyncio.wait_for(main(int(seed), int(count), servers), PATIENCE))
