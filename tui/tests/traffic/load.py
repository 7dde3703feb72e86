"""Clients of an echo server, and what they sent and got back, to the byte.

load.py HOST PORT PATH CONNECTIONS

Opens as many TCP connections to HOST:PORT and as many Unix ones to PATH, sends on each a few messages of known sizes, all of
them at once, and checks that the same comes back. When every message is answered it prints one line of JSON and keeps the
connections open until a line comes on stdin; then it closes them, prints another line and ends.
"""

import asyncio
import json
import sys

MESSAGES_MAX = 7
# More than the server's buffer and more than a socket's, so that reads and writes are split.
BYTES_MAX = 300_000


def sizes(number):
    """The sizes of the messages of one connection: different for each, the same in every run."""
    state = number * 2_654_435_761 + 12_345
    messages = []
    for _ in range(1 + number % MESSAGES_MAX):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        # Most are small, some are large.
        messages.append(1 + (state >> 33) % (BYTES_MAX if state >> 60 == 0 else 5_000))
    return messages


async def talk(reader, writer, number):
    """Sends the messages of one connection and checks the answers."""
    sent = 0
    for size in sizes(number):
        message = bytes((number + at) % 251 for at in range(min(size, 251))) * (size // 251 + 1)
        message = message[:size]
        writer.write(message)
        answer = await reader.readexactly(size)
        assert answer == message, f"connection {number} got something else back"
        sent += size
    return sent


async def main():
    host, port, path, connections = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    tcp = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(connections)))
    unix = await asyncio.gather(*(asyncio.open_unix_connection(path) for _ in range(connections)))
    everyone = tcp + unix
    sent = await asyncio.gather(*(talk(*pair, number) for number, pair in enumerate(everyone)))
    rows = [
        {
            # A Unix client has no address, so the server cannot tell one from another.
            "local": "%s:%d" % pair[1].get_extra_info("sockname")[:2] if number < connections else None,
            "bytes": sent[number],
            "messages": len(sizes(number)),
        }
        for number, pair in enumerate(everyone)
    ]
    print(json.dumps({"tcp": rows[:connections], "unix": rows[connections:]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for _, writer in everyone:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in everyone))
    print("closed", flush=True)


asyncio.run(main())
