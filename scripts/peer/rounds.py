"""The timed side of a benchmark's child process, the same in either environment: standard library only."""

import json
import sys
import time
from collections.abc import Callable


def serve(step: Callable[[], object]) -> None:
    """For every line of standard input do that many steps and print the milliseconds of each as JSON."""
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            began = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - began))
        print(json.dumps(times), flush=True)
