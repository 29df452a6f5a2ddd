"""MatchboxNet-3x1x64 against NVIDIA NeMo's: its weights in our network give its numbers.

The golden file is made by ``scripts/peer/golden_nemo.py``; its state dict has NeMo's names and layout.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.pointwise.learned import Learned
from speechsrt.training.novograd import NovoGrad

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo_matchboxnet.npz"
BLOCKS = ["prologue", "blocks.0", "blocks.1", "blocks.2", "epilogue"]
NORM = ("weight", "bias", "running_mean", "running_var")
LABEL = torch.tensor([3, 14, 29])


def names() -> dict[str, str]:
    """From NeMo's names to ours."""
    table = {
        "encoder.encoder.5.mconv.0.conv.weight": "last.units.0.pointwise.matrix",
        "decoder.decoder_layers.0.weight": "head.weight",
        "decoder.decoder_layers.0.bias": "head.bias",
    }
    table |= {f"encoder.encoder.5.mconv.1.{n}": f"last.units.0.norm.{n}" for n in NORM}
    for number, ours in enumerate(BLOCKS):
        theirs = f"encoder.encoder.{number}"
        table[f"{theirs}.mconv.0.conv.weight"] = f"{ours}.units.0.depthwise.weight"
        table[f"{theirs}.mconv.1.conv.weight"] = f"{ours}.units.0.pointwise.matrix"
        table |= {f"{theirs}.mconv.2.{n}": f"{ours}.units.0.norm.{n}" for n in NORM}
        if ours.startswith("blocks"):
            table[f"{theirs}.res.0.0.conv.weight"] = f"{ours}.skip.pointwise.matrix"
            table |= {f"{theirs}.res.0.1.{n}": f"{ours}.skip.norm.{n}" for n in NORM}
    return table


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files if key != "version"}


@pytest.fixture
def network(golden: dict[str, Tensor]) -> MatchboxNet:
    made = MatchboxNet(lambda _name, _role, wide, out: Learned(wide, out), features=64, classes=30)
    shapes = {name: tensor.shape for name, tensor in made.state_dict().items()}
    state = {
        ours: (golden[f"weight:{theirs}"] * golden[f"scale:{theirs}"]).float().reshape(shapes[ours])
        for theirs, ours in names().items()
    }
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return made


@pytest.fixture(scope="module")
def features(golden: dict[str, Tensor]) -> Tensor:
    return F.pad(golden["features"].transpose(1, 2), (0, 0, 13, 14))


def test_every_weight_of_nemo_has_its_place_here(golden: dict[str, Tensor]) -> None:
    theirs = {key.removeprefix("weight:") for key in golden if key.startswith("weight:")}
    assert theirs == set(names())


def test_the_counts_agree(golden: dict[str, Tensor], network: MatchboxNet) -> None:
    theirs = sum(v.numel() for k, v in golden.items() if k.startswith("weight:") and "running" not in k)
    assert theirs == sum(p.numel() for p in network.parameters()) == 77_214


@pytest.mark.parametrize(
    ("case", "lengths"), [("whole", None), ("whole", [128, 128, 128]), ("short", [128, 77, 50])]
)
def test_logits_in_evaluation(
    golden: dict[str, Tensor], network: MatchboxNet, features: Tensor, case: str, lengths: list[int] | None
) -> None:
    network.eval()
    with torch.no_grad():
        logits = network(features, None if lengths is None else torch.tensor(lengths))
    torch.testing.assert_close(logits, golden[f"logits_{case}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("case", "lengths"), [("whole", [128, 128, 128]), ("short", [128, 77, 50])])
def test_encoder_output(
    golden: dict[str, Tensor], network: MatchboxNet, features: Tensor, case: str, lengths: list[int]
) -> None:
    network.eval()
    x, count = features, torch.tensor(lengths)
    with torch.no_grad():
        for block in (network.prologue, *network.blocks, network.epilogue, network.last):
            x, count = block(x, count)
    torch.testing.assert_close(x[:, ::8].transpose(1, 2), golden[f"encoded_{case}"], rtol=0, atol=1e-4)


def test_lengths_matter(golden: dict[str, Tensor]) -> None:
    assert not torch.allclose(golden["logits_whole"][1:], golden["logits_short"][1:], atol=0.01)


def test_gradients_and_running_statistics(
    golden: dict[str, Tensor], network: MatchboxNet, features: Tensor
) -> None:
    network.double().train()
    F.cross_entropy(network(features.double()), LABEL).backward()
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    for theirs, ours in names().items():
        if "running" in theirs:
            torch.testing.assert_close(buffers[ours], golden[f"running:{theirs}"], rtol=1e-6, atol=1e-6)
        else:
            gradient = parameters[ours].grad
            assert gradient is not None
            torch.testing.assert_close(gradient.norm(), golden[f"gradient:{theirs}"], rtol=1e-6, atol=1e-9)


def test_five_training_steps(golden: dict[str, Tensor], network: MatchboxNet, features: Tensor) -> None:
    network.double().train()
    optimizer = NovoGrad(network.parameters(), lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
    losses = []
    for _ in range(5):
        loss = F.cross_entropy(network(features.double()), LABEL)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.testing.assert_close(
        torch.tensor(losses, dtype=torch.float64), golden["losses"], rtol=1e-5, atol=1e-5
    )
