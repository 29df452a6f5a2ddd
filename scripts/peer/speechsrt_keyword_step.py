"""One training step of MatchboxNet-3x1x64 as ``speechsrt train`` does it, timed or profiled.

usage: python speechsrt_keyword_step.py BATCH THREADS KIND [--profile]     (driven by scripts/bench_nemo.py)

For every line read from standard input it does that many steps and prints the milliseconds of each as JSON.
``--profile`` prints instead where the time of a step goes: by part, then by operator.
"""

import argparse
import resource

import torch
import torch.nn.functional as F
from rounds import serve
from torch.profiler import ProfilerActivity, profile, record_function

from speechsrt.audio.augment import Key, SpectrogramAugment, WaveformAugment
from speechsrt.kernels import keep_freed_memory
from speechsrt.loading.resident import ResidentClips
from speechsrt.models.keyword import KeywordModel
from speechsrt.training.novograd import NovoGrad

SAMPLES, CLASSES, CLIPS = 16000, 30, 512
PARTS = ("batch", "augmentation", "features", "masks", "forward", "backward", "optimizer")


class KeywordStep:
    """Everything a step of the recipe needs, and the step."""

    def __init__(self, batch: int, kind: str) -> None:
        torch.manual_seed(0)
        samples = (3277 * torch.randn(CLIPS, SAMPLES)).to(torch.int16)
        self.clips = ResidentClips(
            samples, torch.randint(0, CLASSES, (CLIPS,)), [str(n) for n in range(CLIPS)]
        )
        self.batch, self.number = batch, 0
        self.waveform_augment = WaveformAugment(shift_seconds=0.005, white_noise_db=[-90.0, -46.0])
        self.masks = SpectrogramAugment(2, 25, 2, 15, 5, 25, 15)
        self.model = KeywordModel(
            {"_target_": "speechsrt.audio.features.Mfcc"},
            {"_target_": "speechsrt.models.matchboxnet.MatchboxNet"},
            [str(n) for n in range(CLASSES)],
            1.0,
            [{"where": ["block"], "_target_": f"speechsrt.pointwise.{kind}.{kind.title().replace('_', '')}"}],
        ).train()
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = NovoGrad(trained, lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)

    def __call__(self) -> None:
        """Cut a batch from the resident clips, and train on it."""
        self.number += 1
        with record_function("batch"):
            batch = self.clips.batch((torch.arange(self.batch) + self.number) % CLIPS)
        key = Key(0, self.number, batch.index)
        with torch.no_grad():
            with record_function("augmentation"):
                waveform = self.waveform_augment(batch.waveform, key)
            with record_function("features"):
                features = self.model.features(waveform)
            with record_function("masks"):
                features = self.masks(features, key)
        with record_function("forward"):
            loss = F.cross_entropy(self.model.network(features), batch.label)
        self.optimizer.zero_grad()
        with record_function("backward"):
            loss.backward()
        with record_function("optimizer"):
            self.optimizer.step()


def explain(step: KeywordStep, warm_up: int = 5, steps: int = 20) -> None:
    """Print milliseconds and page faults of a step, by part and by operator."""
    for _ in range(warm_up):
        step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as recorded:
        for _ in range(steps):
            step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    averages = recorded.key_averages()
    parts = {event.key: event.cpu_time_total / steps / 1000 for event in averages if event.key in PARTS}
    for name in PARTS:
        print(f"{name:14}{parts[name]:8.2f} ms a step")
    print(f"{'page faults':14}{faults / steps:8.0f} a step, the profiler's own included\n")
    print(averages.table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=50))


def main() -> None:
    """Read the arguments; see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("kind")
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(chosen.threads)
    step = KeywordStep(chosen.batch, chosen.kind)
    explain(step) if chosen.profile else serve(step)


if __name__ == "__main__":
    main()
