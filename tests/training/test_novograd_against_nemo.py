"""NovoGrad against NVIDIA NeMo's over eight steps of a falling rate (``scripts/peer/golden_nemo.py``).

NeMo holds its second moments in float32 whatever the tensors are, hence the tolerance in float64.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from speechsrt.training.novograd import NovoGrad

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo_novograd.npz"
STATED = {torch.float64: 1e-6, torch.float32: 1e-5}


@pytest.mark.parametrize("dtype", STATED)
def test_trajectory(dtype: torch.dtype) -> None:
    with np.load(GOLDEN) as golden:
        tensors = [torch.nn.Parameter(torch.from_numpy(golden[f"start{n}"]).to(dtype)) for n in range(3)]
        optimizer = NovoGrad(tensors, lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
        for step, rate in enumerate(golden["rates"]):
            optimizer.param_groups[0]["lr"] = float(rate)
            for number, tensor in enumerate(tensors):
                tensor.grad = torch.from_numpy(golden[f"gradient{number}"][step]).to(dtype)
            optimizer.step()
            for number, tensor in enumerate(tensors):
                expected = torch.from_numpy(golden[f"path{number}"][step]).to(dtype)
                gap = (tensor.detach() - expected).norm() / expected.norm()
                assert gap <= STATED[dtype], f"tensor {number}, step {step}: {gap:.1e}"
