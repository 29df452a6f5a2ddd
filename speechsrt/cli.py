"""The command line: ``speechsrt VERB [group=option ...] [key=value ...]``. Verbs are imported when they are called."""

import importlib
import sys
from collections.abc import Sequence

from speechsrt.errors import NonFiniteLossError, UserError

VERBS = {
    "prepare": ("download or find a corpus, verify it, write manifests", "data= data_root="),
    "train": ("fit a model, then score the test split", "any group; run_dir= seed= init_from= resume="),
    "evaluate": ("score a trained model on a split", "checkpoint= data= split= run_dir="),
    "benchmark": ("size and speed of a model on this machine", "checkpoint= or model= pointwise= data=; run_dir="),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 2 the user's mistake (one line on stderr), 1 anything else."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        dispatch(typed)
    except UserError as error:
        print(f"speechsrt: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except NonFiniteLossError as error:
        print(f"speechsrt: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("speechsrt: interrupted", file=sys.stderr)
        sys.exit(130)


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
    multirun = [word for word in rest if word in ("-m", "--multirun")]
    overrides = [word for word in rest if word not in multirun]
    _run_many(verb, overrides) if multirun else _run(verb, overrides)


def usage() -> str:
    """Return the text of ``speechsrt --help``."""
    lines = [f"  {verb:<10} {what}" for verb, (what, _) in VERBS.items()]
    return "\n".join(
        [
            "usage: speechsrt VERB [group=option ...] [key=value ...]",
            "",
            *lines,
            "",
            "speechsrt VERB --help lists a verb's keys and all groups; -m sweeps over comma-separated values.",
        ]
    )


def verb_help(verb: str) -> str:
    """Return the text of ``speechsrt VERB --help``."""
    from speechsrt import config

    what, keys = VERBS[verb]
    listed = [f"  {group}= {' '.join(config.options(group))}" for group in config.groups()]
    text = (config.conf_dir() / "config.yaml").read_text(encoding="utf-8")
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


def _run(verb: str, overrides: list[str]) -> None:
    from speechsrt import config

    importlib.import_module(f"speechsrt.commands.{verb}").run(config.load(overrides))


def _run_many(verb: str, overrides: list[str]) -> None:
    """Run every combination of the sweep, one after another, in ``run_dir/0``, ``run_dir/1``, ..."""
    from speechsrt import config

    folder = next((word.partition("=")[2] for word in overrides if word.startswith("run_dir=")), None)
    if folder is None:
        raise UserError("-m: say where the runs go, run_dir=FOLDER (jobs go to FOLDER/0, FOLDER/1, ...)")
    rest = [word for word in overrides if not word.startswith("run_dir=")]
    for number, job in enumerate(config.sweeps(rest)):
        print(f"job {number}: {' '.join(job)}", file=sys.stderr)
        _run(verb, [*job, f"run_dir={folder}/{number}"])


if __name__ == "__main__":
    main()
