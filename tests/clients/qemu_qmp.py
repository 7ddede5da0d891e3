"""Runs commands without arguments through QEMU's own client library.

Argument: the socket of a monitor. Each line of input is a command, each line
of output its answer as JSON: what it returned, or the error's class and text.
"""

import asyncio
import json
import sys

from qemu.qmp import ExecuteError, QMPClient


async def answer(client, command):
    try:
        return {"return": await client.execute(command)}
    except ExecuteError as error:
        text = error.error.error.desc
        return {"error": {"class": error.error_class, "desc": text}}


async def main(socket):
    client = QMPClient("oracle")
    await client.connect(socket)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(await answer(client, command)), flush=True)
    await client.disconnect()


asyncio.run(main(sys.argv[1]))
