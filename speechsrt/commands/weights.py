"""Where a model comes from: built afresh by the configuration, or begun from the weights of another."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from speechsrt import config as configuration
from speechsrt.commands.common import console
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel


def initial_model(config: dict[str, Any], labels: Sequence[str]) -> KeywordModel:
    """Return the model a run begins with; ``init_from`` gives network, front end, 1x1s and weights."""
    clip_seconds = float(config["data"]["clip_seconds"])
    if config["init_from"] is None:
        rules = configuration.rules(config)
        return KeywordModel(config["features"], config["model"], labels, clip_seconds, rules)
    description, tensors = package.read(config["init_from"])
    known, rate = description["labels"], description["features"]["sample_rate"]
    if rate != config["data"]["sample_rate"]:
        raise UserError(
            f"init_from={config['init_from']}: hears {rate} Hz, data.sample_rate is {config['data']['sample_rate']}; "
            f"write data.sample_rate={rate}"
        )
    model = KeywordModel(**description | {"labels": list(labels), "clip_seconds": clip_seconds})
    console.print(f"init_from: network, front end and 1x1 layers are those of {config['init_from']}", markup=False)
    return with_weights(model, tensors, keep_head=list(labels) == known)


@torch.no_grad()
def with_weights(model: KeywordModel, tensors: dict[str, Tensor], keep_head: bool) -> KeywordModel:
    """Copy stored tensors into a model; without `keep_head` the classifier stays fresh, and that is said."""
    state = model.state_dict()
    for name, tensor in tensors.items():
        if keep_head or not name.startswith("network.head."):
            state[name].copy_(tensor)
    if not keep_head:
        console.print(f"init_from: other words, so a new classifier for {', '.join(model.labels)}", markup=False)
    return model
