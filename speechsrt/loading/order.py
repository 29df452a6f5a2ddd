"""In which order clips come: a function of ``(seed, epoch)``, whatever the devices and whenever one restarts.

Classes may be balanced by repetition: in each epoch every class shows as many clips as the largest one, its
own clips whole as often as they fit and a fresh random part of them for the rest.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from speechsrt.loading.resident import Batch, ResidentClips

_SPREAD = 0x9E3779B1  # odd, near 2^32 over the golden ratio: keeps the epochs of different seeds far apart


def shuffled(count: int, seed: int, epoch: int) -> Tensor:
    """Return the numbers 0 to count - 1 in the epoch's order."""
    # PyTorch's generator on the CPU looks at the lower 32 bits of its seed alone.
    generator = torch.Generator().manual_seed((seed * _SPREAD + epoch) % (1 << 32))
    return torch.randperm(count, generator=generator)


def balanced(label: Tensor, seed: int, epoch: int) -> Tensor:
    """Return clip numbers, every class as frequent as the largest; the n-th repetition adds n * N."""
    largest = int(torch.bincount(label).max())
    return torch.cat(
        [_repeated((label == c).nonzero()[:, 0], largest, len(label), seed, epoch) for c in label.unique()]
    )


def _repeated(members: Tensor, wanted: int, total: int, seed: int, epoch: int) -> Tensor:
    whole, rest = divmod(wanted, len(members))
    rounds = [members + total * n for n in range(whole)]
    chosen = members[shuffled(len(members), seed, epoch)[:rest]] + total * whole
    return torch.cat([*rounds, chosen])


class ResidentLoader:
    """Batches of resident clips, in the order of the epoch or (not shuffled) as they lie.

    An epoch is cut into batches as equal as can be, none larger than `batch_size`. With several devices each
    gets every world-th clip of a batch of ``world * batch_size``. The task sets the epoch, keeps `state_dict`
    in its checkpoints and hands it back, so that an epoch goes on where it was left.
    """

    def __init__(
        self,
        clips: ResidentClips,
        batch_size: int,
        shuffle: bool = False,
        balance: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.clips, self.batch_size = clips, batch_size
        self.shuffle, self.balance, self.seed = shuffle, balance, seed
        self.rank, self.world = rank, world
        self.epoch, self.done = 0, 0
        self.resume_at = (0, 0)
        self.count = len(balanced(clips.label.cpu(), seed, 0)) if balance and len(clips) else len(clips)

    def __len__(self) -> int:
        return -(-self.count // (self.batch_size * self.world))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration runs through."""
        self.epoch = epoch

    def to(self, device: torch.device) -> None:
        """Move the clips to a device."""
        self.clips = self.clips.to(device)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and how many of its batches have been handed out."""
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batches that a stored state had handed out, if it is of the epoch to come."""
        self.epoch = state["epoch"]
        self.resume_at = (state["epoch"], state["done"])

    def order(self, epoch: int) -> Tensor:
        """Return the clip numbers of an epoch, in order."""
        label = self.clips.label.cpu()
        numbers = balanced(label, self.seed, epoch) if self.balance else torch.arange(len(label))
        return numbers[shuffled(len(numbers), self.seed, epoch)] if self.shuffle else numbers

    def __iter__(self) -> Iterator[Batch]:
        start = self.resume_at[1] if self.resume_at[0] == self.epoch else 0
        self.resume_at = (0, 0)
        batches = self.order(self.epoch).tensor_split(len(self)) if len(self) else ()
        for number in range(start, len(self)):
            self.done = number + 1
            yield self.clips.batch(batches[number][self.rank :: self.world])
