"""``speechsrt evaluate``: score a trained model on a split."""

from typing import Any

from speechsrt.commands import scoring
from speechsrt.commands.common import corpus_of, load_corpus, new_run_dir
from speechsrt.commands.runs import device_of, write_config
from speechsrt.errors import UserError
from speechsrt.export import package


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Score, write the results into a new folder, and return what ``metrics.json`` holds.

    Where no ``data=`` is typed, the corpus is the one the model was trained on.
    """
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to evaluate")
    model = package.load(config["checkpoint"])
    corpus = corpus_of(config)
    contents = load_corpus(config, corpus)
    scoring.same_words(contents, model.labels, corpus.name)
    clips = scoring.read_split(contents, config["split"], corpus, model.labels)
    result = scoring.score(model, clips, config["batch_size"], device_of(config))
    folder = new_run_dir(config)
    about = {
        "split": config["split"],
        "split_hash": scoring.hash_of(contents, contents.splits[config["split"]]),
        "seed": config["seed"],
        "train_seconds": 0.0,
        "epochs": 0,
    }
    text = write_config(config, folder)
    metrics = scoring.write_results(folder, config, about, model.cpu(), result, text)
    scoring.print_metrics(metrics, folder)
    return metrics
