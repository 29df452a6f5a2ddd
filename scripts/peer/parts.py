"""Where the time of a training step goes: forward and backward by part, then by operator.

A part is a module whose calls are marked, or an operator outside of all of these. Time on the way back counts
for the part whose way forward it undoes: the profiler numbers both alike.
What is left is the rest: zeros beyond clips' ends, residual links, handing gradients to their weights.
"""

import resource
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from rich.console import Console
from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from speechsrt.reports.tables import table

MARK, BACKWARD, REST = "part: ", "autograd::engine::evaluate_function: ", "rest"
WARM_UP = 5  # steps until no memory is new
OPERATORS = {
    "aten::relu_": "relu",
    "aten::ctc_loss": "loss",
    "aten::log_softmax": "loss",
    "aten::cross_entropy_loss": "loss",
}


def part(name: str) -> record_function:
    """Return a context whose time counts for a part."""
    return record_function(MARK + name)


def mark(module: nn.Module, name: str) -> None:
    """Let the time of a module's calls count for a part; none of its own modules may be marked."""
    opened: list[record_function] = []

    def enter(*_: Any) -> None:
        opened.append(part(name))
        opened[-1].__enter__()

    def leave(*_: Any) -> None:
        opened.pop().__exit__(None, None, None)

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave)


def explain(step: Callable[[], object], steps: int) -> None:
    """Print milliseconds and page faults of a step, by part and by operator."""
    for _ in range(WARM_UP):
        step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as recorded:
        for _ in range(steps):
            step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    times = by_part(recorded.events())
    rows = [(name, *(f"{time / steps / 1000:.2f}" for time in times[name])) for name in times]
    title = f"milliseconds a step, {torch.get_num_threads()} threads"
    Console(highlight=False).print(table(title, ["part", "forward", "backward"], rows))
    print(f"{faults / steps:.0f} page faults a step, the profiler's own included")
    operators = recorded.key_averages()
    print(operators.table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=50))


def by_part(events: Iterable[FunctionEvent]) -> dict[str, list[float]]:
    """Return for every part, in the order of their first calls, microseconds forward and backward.

    An operator carries the number that the next node of the graph will get, and makes any number of nodes: a
    node is of the last operator with its number or a lower one.
    """
    times: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    numbers, makers = [-1], [REST]
    for event in sorted(events, key=lambda event: event.time_range.start):
        root = _root(event)
        if root.name.startswith(BACKWARD):
            if event is root:
                times[makers[bisect(numbers, event.sequence_nr) - 1]][1] += event.cpu_time_total
            continue
        name = _part_of(root)
        if event.sequence_nr >= 0:
            numbers.append(event.sequence_nr)
            makers.append(name)
        if event is root:
            times[name][0] += event.cpu_time_total
    return times


def _root(event: FunctionEvent) -> FunctionEvent:
    while event.cpu_parent is not None:
        event = event.cpu_parent
    return event


def _part_of(root: FunctionEvent) -> str:
    return root.name.removeprefix(MARK) if root.name.startswith(MARK) else OPERATORS.get(root.name, REST)
