"""The command line: ``speechsrt VERB [group=option ...] [key=value ...]``.

A verb is imported when it is called, so that ``--help`` answers at once.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from speechsrt.errors import NonFiniteLossError, UserError

VERBS = {
    "prepare": ("download or find a corpus, verify it, write manifests", "data= data_root="),
    "train": ("fit a model, then score the test split", "any group; run_dir= seed= init_from= resume="),
    "evaluate": ("score a trained model on a split", "checkpoint= data= split= run_dir="),
    "calibrate": (
        "make a detector of a keyword model: threshold, confidence, false alarms an hour",
        "checkpoint= run_dir= false_alarms= test_speech=",
    ),
    "compress": (
        "a trained model projected onto another kind, then fine-tuned",
        "checkpoint= pointwise=; train's",
    ),
    "spot": (
        "keywords in files or from the microphone: one JSON object a detection",
        "checkpoint= input= threshold=",
    ),
    "transcribe": ("speech to text: one JSON object an utterance", "checkpoint= input= decoder="),
    "import_nemo": ("a .nemo file into our package", "input= output="),
    "table": ("run the missing rows of a table, write all of them", "table= dry= jobs= only= output="),
    "benchmark": ("size and speed of a model here", "checkpoint= or model= pointwise= data=; run_dir="),
}
MISPLACED = {
    ("train", "checkpoint"): "write init_from= to begin with its weights, resume= to go on with its run",
    ("train", "split"): "it scores the test split; evaluate scores any",
    ("transcribe", "data"): "write input=, a file, a folder or a manifest",
    ("transcribe", "run_dir"): "it writes to stdout",
    ("spot", "data"): "write input=, a file, a folder or mic",
    ("spot", "run_dir"): "it writes to stdout",
    ("compress", "init_from"): "write checkpoint=",
    ("compress", "resume"): "go on with train resume=",
    ("evaluate", "init_from"): "write checkpoint=",
    ("evaluate", "resume"): "write checkpoint=",
    ("import_nemo", "checkpoint"): "write input=",
    ("import_nemo", "run_dir"): "write output=",
}
"""Keys that a verb would pass over in silence, though who types them expects something."""
ONLY = {
    "weight_budget": ("compress",),
    "snr": ("evaluate",),
    "ngram": ("prepare",),
    "ngram_text": ("prepare",),
    "input": ("spot", "transcribe", "import_nemo"),
    "output": ("import_nemo", "table"),
    **dict.fromkeys(("table", "dry", "jobs", "only", "seeds"), ("table",)),
    "chunk_seconds": ("transcribe",),
    "overlap_seconds": ("transcribe",),
    "threshold": ("spot",),
    **dict.fromkeys(("step_seconds", "smooth_seconds", "refractory_seconds"), ("calibrate", "spot")),
    **dict.fromkeys(("false_alarms", "validation_speech", "test_speech"), ("calibrate",)),
}
"""Keys of a few verbs, of no use to any other."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 2 the user's mistake (one line on stderr), 1 anything else."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        dispatch(typed)
        sys.stdout.flush()
    except (UserError, NonFiniteLossError) as error:
        sys.exit(tell(error))
    except KeyboardInterrupt as error:
        print(": ".join(["speechsrt: interrupted", *map(str, error.args)]), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever read our output has gone; Python would complain again as it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def tell(error: Exception, where: str = "") -> int:
    """Print an error as one line and return its exit code."""
    print(f"speechsrt: {where}{' '.join(str(error).split())}", file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


def dispatch(typed: list[str]) -> None:
    """Do what was typed."""
    if not typed or typed[0] in ("-h", "--help"):
        print(usage())
        return
    verb, rest = typed[0], typed[1:]
    if verb == "--version":
        print(importlib.import_module("speechsrt").__version__)
        return
    if verb not in VERBS:
        from speechsrt.build import suggest

        raise UserError(f"{verb}: no such verb; {suggest(verb, VERBS)}")
    if "-h" in rest or "--help" in rest:
        print(verb_help(verb))
        return
    overrides = [word for word in rest if word not in ("-m", "--multirun")]
    if overrides == rest:
        load_verb(verb).run(load(verb, rest))
    else:
        run_many(verb, overrides)


def usage() -> str:
    """Return the text of ``speechsrt --help``."""
    lines = [f"  {verb:<11} {what}" for verb, (what, _) in VERBS.items()]
    return "\n".join(
        [
            "usage: speechsrt VERB [group=option ...] [key=value ...]",
            "",
            *lines,
            "",
            "speechsrt VERB --help lists a verb's keys and all groups; -m sweeps over values with commas.",
        ]
    )


def verb_help(verb: str) -> str:
    """Return the text of ``speechsrt VERB --help``."""
    from speechsrt.config import files

    what, keys = VERBS[verb]
    listed = [f"  {group}= {' '.join(files.options(group))}" for group in files.groups()]
    text = (files.conf_dir() / "config.yaml").read_text(encoding="utf-8")
    settings = text.partition("\n\n")[2].rstrip().splitlines()
    return "\n".join(
        [
            f"speechsrt {verb}: {what}",
            f"main keys: {keys}",
            "",
            "groups and their options:",
            *listed,
            "",
            "keys of their own, with defaults:",
            *(f"  {line}" if line else "" for line in settings),
        ]
    )


def load(verb: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a verb; a key that it would pass over is a mistake."""
    from speechsrt import config

    loaded = config.load(overrides)
    for key in loaded["typed"]:
        if (verb, key) in MISPLACED:
            raise UserError(f"{key}: {verb} does not use it; {MISPLACED[verb, key]}")
        if verb not in ONLY.get(key, (verb,)):
            raise UserError(f"{key}: {verb} does not use it; it goes with {' and '.join(ONLY[key])}")
    return loaded


def load_verb(verb: str) -> Any:
    """Return a verb's module: its ``check(config)`` finds mistakes, its ``run(config)`` does the work."""
    return importlib.import_module(f"speechsrt.commands.{verb}")


def run_many(verb: str, overrides: list[str]) -> None:
    """Run every combination of a sweep, one after another, in ``run_dir/0``, ``run_dir/1``, ...

    All jobs are checked before the first runs. One that fails later is told by its name; the others go on.
    """
    jobs = _jobs(verb, overrides)
    module, failed = load_verb(verb), []
    for config in jobs.values():
        module.check(config)
    for name, config in jobs.items():
        print(name, file=sys.stderr)
        try:
            module.run(config)
        except (UserError, NonFiniteLossError) as error:
            failed.append(tell(error, f"{name}: "))
    if failed:
        sys.exit(max(failed))


def _jobs(verb: str, overrides: list[str]) -> dict[str, dict[str, Any]]:
    """Return the configuration of every job of a sweep by the job's name, which tells its values."""
    from speechsrt.config import sweeps

    folder = next((word.partition("=")[2] for word in overrides if word.startswith("run_dir=")), None)
    if not folder:
        raise UserError("-m: say where the runs go, run_dir=FOLDER (jobs go to FOLDER/0, FOLDER/1, ...)")
    choices = list(sweeps([word for word in overrides if not word.startswith("run_dir=")]))
    shared = set.intersection(*map(set, choices))
    jobs = {}
    for number, job in enumerate(choices):
        own = " ".join(word for word in job if word not in shared)
        jobs[f"job {number} ({own})" if own else "job 0"] = load(verb, [*job, f"run_dir={folder}/{number}"])
    for name, config in jobs.items():
        if config["trainer"]["devices"] not in (1, "1"):
            raise UserError(f"{name}: jobs of a sweep run on one device; write trainer.devices=1")
    return jobs


if __name__ == "__main__":
    main()
