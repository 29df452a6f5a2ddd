"""What every recogniser must hold, whatever its layers."""

from typing import Any

import torch


def trained(net: Any) -> Any:
    """A network as after training: the statistics of its normalisation are no longer 0 and 1."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return net.eval()


def assert_same_alone_and_beside(net: Any, lengths: list[int], more: int, features: int) -> None:
    """Each utterance has the same logits alone and in a batch, with noise where its padding is."""
    rows = [torch.randn(n, features, generator=torch.Generator().manual_seed(n)) for n in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    batch = torch.cat([batch, torch.randn(len(rows), more, features)], 1)
    together = net(batch, torch.tensor(lengths))
    for row, logits in zip(rows, together, strict=True):
        alone = net(row[None], torch.tensor([len(row)]))[0]
        assert len(alone) == int(net.count(torch.tensor(len(row)))) == -(-len(row) // 2)
        assert torch.allclose(alone, logits[: len(alone)], atol=1e-4)
        assert torch.allclose(alone, net(row[None])[0], atol=1e-4)
