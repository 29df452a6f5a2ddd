"""The timed side of a benchmark's child process, the same in either environment: standard library only."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def serve(works: Mapping[str, Callable[[], Any]]) -> None:
    """For every line ``WORK TIMES`` of standard input do that work so often, and answer with a line of JSON.

    It holds the ``milliseconds`` of each time and what the first one ``gave``, by which whoever asks can see
    that both sides do the same.
    """
    for line in sys.stdin:
        name, times = line.split()
        work, taken, given = works[name], [], []
        for _ in range(int(times)):
            began = time.perf_counter()
            result = work()
            taken.append(1000 * (time.perf_counter() - began))
            given = given or [result]
        print(json.dumps({"milliseconds": taken, "gave": given[0]}), flush=True)
