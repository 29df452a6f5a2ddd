"""``speechsrt benchmark``: what a model costs, layer by layer, and how fast it runs here."""

import json
import statistics
import time
from typing import Any

import torch

from speechsrt.commands.corpus import corpus_of, data_root
from speechsrt.commands.device import device_of
from speechsrt.commands.results import commit
from speechsrt.commands.runs import check_free, folder_of, start
from speechsrt.commands.scoring import costs_of, counts, layer_rows
from speechsrt.commands.screen import output
from speechsrt.commands.task import chosen
from speechsrt.commands.weights import initial_model
from speechsrt.export import package
from speechsrt.kernels import keep_freed_memory
from speechsrt.models.model import SpeechModel
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import short, table

BATCH_SIZES = (1, 8, 32, 128)
LARGEST_SECONDS = 320.0
"""No batch that is timed holds more sound."""
SECONDS_A_SIZE = 2.0


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong with a benchmark."""
    device_of(config)
    check_free(folder_of(config))
    model_of(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Count and time a model; print the tables, write ``benchmark.json`` and return what it holds."""
    keep_freed_memory()
    check(config)
    model, device, folder = model_of(config), device_of(config), folder_of(config)
    start(config, folder)
    layers = costs_of(model)
    sizes = [size for size in BATCH_SIZES if size * model.reference_seconds <= LARGEST_SECONDS]
    milliseconds = {str(size): time_forward(model.to(device).eval(), size, device) for size in sizes}
    result = counts(model, layers) | {
        "layers": layer_rows(layers, model.reference_seconds),
        "milliseconds": milliseconds,
        "threads": torch.get_num_threads(),
        "device": str(device),
        "commit": commit(),
    }
    write_atomically(folder / "benchmark.json", (json.dumps(result, indent=2) + "\n").encode())
    _print(result, model.reference_seconds)
    return result


@torch.inference_mode()
def time_forward(model: SpeechModel, batch_size: int, device: torch.device) -> float:
    """Return the median milliseconds from waveforms of the model's reference length to its outputs."""
    samples = round(model.reference_seconds * model.sample_rate)
    waveform = torch.randn(batch_size, samples, device=device) * 0.1
    times: list[float] = []
    model(waveform)
    deadline = time.perf_counter() + SECONDS_A_SIZE
    while len(times) < 5 or time.perf_counter() < deadline:
        began = time.perf_counter()
        model(waveform)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def model_of(config: dict[str, Any]) -> SpeechModel:
    """Return the model of ``checkpoint=``, else a new one; no corpus is read."""
    if config["checkpoint"] is not None:
        return package.load(config["checkpoint"])
    task = chosen(config)
    outputs = task.expected(config, corpus_of(config), data_root(config))
    return initial_model(config, outputs)[0]


def _print(result: dict[str, Any], seconds: float) -> None:
    columns = [
        "name",
        "role",
        "kind",
        "shape",
        "trained",
        "share",
        "bits",
        "multiplications/s",
        "additions/s",
    ]
    trained = max(1, result["trained_weights"])
    lines = [
        (
            row["name"],
            row["role"],
            row["kind"],
            " x ".join(map(str, row["shape"])),
            f"{row['trained_weights']:,}",
            f"{100 * row['trained_weights'] / trained:.1f} %",
            f"{row['stored_bits']:,}",
            short(row["multiplications"]),
            short(row["additions"]),
        )
        for row in result["layers"]
    ]
    work = (short(result["multiplications_per_second"]), short(result["additions_per_second"]))
    sums = (f"{result['trained_weights']:,}", "100 %", f"{result['stored_bits']:,}")
    output.print(table("layers", columns, [*lines, ("all", "", "", "", *sums, *work)]))
    speeds = [
        (size, f"{ms:.2f}", f"{int(size) * seconds * 1000 / ms:,.0f}")
        for size, ms in result["milliseconds"].items()
    ]
    title = f"waveform to logits on {result['device']}, {result['threads']} threads"
    output.print(table(title, ["batch", "milliseconds", "times faster than real time"], speeds))
