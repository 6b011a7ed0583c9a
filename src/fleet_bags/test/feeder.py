"""Feeds bags from processes that the test kills: every line on standard input is a folder, for which one process is started.

Each message advances the bag's clock by a millisecond. The file `count` holds the number of written messages.
"""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

from feed import Feed

from fleet_contract.fleet import RecordingConfig

TOPICS = ("/robot_01/status", "/robot_02/status")


def feed(home: Path) -> None:
    with (home / "count").open("w+b") as file:
        file.write(bytes(8))
        file.flush()
        count = mmap.mmap(file.fileno(), 8)
    fed = Feed(home / "bag", RecordingConfig(split_bytes=300_000))
    number = 0
    while True:
        fed.write(TOPICS[number % 2], str(number))
        number += 1
        fed.now_s = number / 1000
        fed.writer.advance(fed.now_s)
        count[:] = number.to_bytes(8, "little")


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            feed(Path(line.strip()))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
