"""Batches of utterances of like length, by seconds of sound, in an order that ``(seed, epoch)`` decides.

Utterances are dealt into buckets by length. A bucket's batches hold as many utterances as its longest would
fit into the budget of seconds, so that their number is the same in every epoch while their members change.
Then the batches of all buckets are shuffled. In the first epoch the largest comes first: memory that does not
suffice shows at once.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from speechsrt.audio.draws import uniform, whole
from speechsrt.errors import UserError
from speechsrt.loading.order import shuffled
from speechsrt.loading.utterances import UtteranceBatch, Utterances

BUCKETS = 16
_SPEED_STREAM = 0

Item = tuple[int, float]


class BucketedLoader:
    """Batches of utterances, shuffled or (for scoring) from the longest to the shortest.

    The task sets the epoch, keeps `state_dict` in its checkpoints and hands it back, so that an epoch goes on
    where it was left. With several devices each gets every world-th batch; the last ones are repeated where
    they do not come out even.

    Args:
        utterances: of a split.
        batch_seconds: sound in a batch at most, padding included; an utterance that is longer stands alone.
        shuffle: False keeps the order of lengths.
        speeds: factors of which each utterance draws one an epoch.
        seed: of order and speeds.
        workers: processes that read files; none where the utterances are held in memory.
        rank: number of this device.
        world: number of devices.
    """

    def __init__(
        self,
        utterances: Utterances,
        batch_seconds: float,
        shuffle: bool = False,
        speeds: Sequence[float] = (1.0,),
        seed: int = 0,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.utterances, self.shuffle, self.seed, self.workers = utterances, shuffle, seed, workers
        self.speeds, self.rank, self.world = list(speeds), rank, world
        self.epoch, self.done, self.resume_at = 0, 0, (0, 0)
        longest = utterances.seconds / min(self.speeds)
        self.buckets = buckets(longest, BUCKETS)
        self.sizes = [batch_size(longest[bucket], batch_seconds) for bucket in self.buckets]

    def __len__(self) -> int:
        batches = sum(-(-len(bucket) // size) for bucket, size in zip(self.buckets, self.sizes, strict=True))
        return -(-batches // self.world)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration runs through."""
        self.epoch = epoch

    def to(self, device: torch.device) -> None:
        """Do nothing: batches are moved one by one."""

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and how many of its batches have been handed out."""
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batches that a stored state had handed out, if it is of the epoch to come."""
        self.epoch = state["epoch"]
        self.resume_at = (state["epoch"], state["done"])

    def batches(self, epoch: int) -> list[list[Item]]:
        """Return the utterances and speeds of every batch of an epoch, for all devices, in order."""
        cut = [
            part
            for number, (bucket, size) in enumerate(zip(self.buckets, self.sizes, strict=True))
            for part in np.array_split(self._mixed(bucket, epoch, number), -(-len(bucket) // size))
        ]
        if self.shuffle:
            order = shuffled(len(cut), self.seed, epoch).tolist()
            cut = [cut[place] for place in (_largest_first(order) if epoch == 0 else order)]
        speeds = self._speeds(epoch)
        return [[(int(n), speeds[n]) for n in part] for part in cut]

    def __iter__(self) -> Iterator[UtteranceBatch]:
        start = self.resume_at[1] if self.resume_at[0] == self.epoch else 0
        self.resume_at = (0, 0)
        batches = self.batches(self.epoch)
        missing = -len(batches) % self.world
        mine = (batches + batches[:missing])[self.rank :: self.world][start:]
        loader: Any = DataLoader(
            _Batches(self.utterances, mine),
            batch_size=None,
            num_workers=self.workers,
            generator=torch.Generator(),  # its own: the run's generator stays as a checkpoint kept it
        )
        for number, batch in enumerate(loader, start):
            if isinstance(batch, UserError):
                raise batch
            self.done = number + 1
            yield batch

    def _mixed(self, bucket: NDArray[np.int64], epoch: int, number: int) -> NDArray[np.int64]:
        if not self.shuffle:
            return bucket
        return bucket[shuffled(len(bucket), self.seed * BUCKETS + number, epoch).numpy()]

    def _speeds(self, epoch: int) -> list[float]:
        if len(self.speeds) == 1:
            return self.speeds * len(self.utterances)
        draws = uniform(self.seed, epoch, torch.arange(len(self.utterances)), _SPEED_STREAM, 1)[:, 0]
        return [self.speeds[choice] for choice in whole(draws, len(self.speeds)).tolist()]


class _Batches(Dataset[UtteranceBatch | UserError]):
    """The batches of an epoch by number, as PyTorch's loader asks for them.

    What is wrong with a file is handed over as an object: raised in another process it would lose its kind.
    """

    def __init__(self, utterances: Utterances, batches: list[list[Item]]) -> None:
        self.utterances, self.batches = utterances, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> UtteranceBatch | UserError:
        try:
            return self.utterances.batch(self.batches[number])
        except UserError as error:
            return UserError(str(error))


def buckets(seconds: NDArray[np.float64], count: int) -> list[NDArray[np.int64]]:
    """Return the utterances' numbers in at most `count` buckets of like size, the longest first."""
    order = np.argsort(-seconds, kind="stable")
    return [part for part in np.array_split(order, count) if len(part)]


def batch_size(seconds: NDArray[np.float64], batch_seconds: float) -> int:
    """Return how many utterances of a bucket make a batch."""
    return max(1, int(batch_seconds // max(float(seconds.max()), 1e-3)))


def _largest_first(order: list[int]) -> list[int]:
    """Return the order with the batch of the longest utterances, number 0, at its beginning."""
    return [0, *(place for place in order if place != 0)]
