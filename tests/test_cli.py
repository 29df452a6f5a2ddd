"""The command line itself: help, verbs, exit codes, sweeps, and what happens when nobody listens any more."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import speechsrt
from speechsrt import cli
from speechsrt.errors import NonFiniteLossError, UserError

TINY = ["data=keyword_folder", "batch_size=8", "model.channels=8", "model.wide=8", "data.clip_seconds=0.3"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}


def code_of(*typed: str) -> int:
    """Run a command line and return its exit code."""
    try:
        cli.main(typed)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("typed", [[], ["--help"], ["-h"]])
def test_help_lists_the_verbs(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*typed) == 0
    shown = capsys.readouterr()
    assert all(verb in shown.out for verb in cli.VERBS)
    assert shown.err == ""


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_of_a_verb_lists_groups_and_keys(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(verb, "seed=1", "--help") == 0
    shown = capsys.readouterr().out
    assert "pointwise= circulant fastfood grouped learned" in shown
    assert "run_dir: null" in shown


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out.strip() == speechsrt.__version__


@pytest.mark.parametrize("typed", ["--help", "--version", "train --help", "trian"])
def test_what_needs_no_network_loads_no_torch(typed: str) -> None:
    program = (
        "import sys; from speechsrt.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'lightning', 'hydra', 'omegaconf', 'numpy', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    command = [sys.executable, "-c", program, *typed.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["spot", "transcribe"])
def test_what_only_listens_loads_nothing_that_trains(verb: str) -> None:
    program = f"import sys, speechsrt.commands.{verb}; sys.exit('lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("trian") == 2
    assert capsys.readouterr().err == "speechsrt: trian: no such verb; did you mean train?\n"


@pytest.mark.parametrize("key", cli.ONLY)
def test_keys_of_other_verbs(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ("ngram", "seconds", "budget", "threshold", "false_alarms", "snr", "jobs")
    others = {"table": "none", "dry": "true", "only": "[x]", "seeds": "[1]"}
    value = "3" if key.endswith(numbers) else others.get(key, "x")
    with pytest.raises(SystemExit) as caught:
        cli.main(["benchmark", f"{key}={value}"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert f"{key}: benchmark does not use it; it goes with {cli.ONLY[key][0]}" in told


@pytest.mark.parametrize(("verb", "key"), cli.MISPLACED)
def test_a_key_that_a_verb_would_pass_over(verb: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = f"{key}={ {'resume': 'false', 'data': 'manifest'}.get(key, 'x') }".replace(" ", "")
    assert code_of(verb, typed) == 2
    assert f"{key}: {verb} does not use it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("two\nlines"), 2, "speechsrt: two lines"),
        (NonFiniteLossError("no number"), 1, "speechsrt: no number"),
        (KeyboardInterrupt(), 1, "speechsrt: interrupted"),
    ],
)
def test_errors_end_in_a_line_and_a_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(typed: list[str]) -> None:
        raise error

    monkeypatch.setattr(cli, "dispatch", fail)
    assert code_of("train") == code
    assert capsys.readouterr().err == f"{line}\n"


def test_a_pipe_that_nobody_reads() -> None:
    command = [sys.executable, "-m", "speechsrt.cli", "--help"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_sweep_runs_every_combination(
    words_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"data.root={words_folder}", f"run_dir={tmp_path}/X"]
    assert code_of("train", "-m", *TINY, *places, "trainer.max_epochs=0", "seed=0,1") == 0
    assert sorted(path.name for path in (tmp_path / "X").iterdir()) == ["0", "1"]
    assert all((tmp_path / "X" / job / "metrics.json").is_file() for job in "01")
    assert re.findall(r"^job .*", capsys.readouterr().err, re.MULTILINE) == [
        "job 0 (seed=0)",
        "job 1 (seed=1)",
    ]


def test_a_job_that_fails_is_told_and_the_others_go_on(
    words_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"data.root={words_folder}", f"run_dir={tmp_path}/X", "trainer.max_epochs=1"]
    assert code_of("train", "-m", *TINY, *places, "optim.lr=1e30,0.01") == 1
    assert "speechsrt: job 0 (optim.lr=1e+30): epoch 0, batch 1: the loss is nan" in capsys.readouterr().err
    assert not (tmp_path / "X/0/metrics.json").exists()
    assert (tmp_path / "X/1/metrics.json").is_file()


@pytest.mark.parametrize(
    ("swept", "message"),
    [
        (["pointwise=ternary", "pointwise.density=0.3,0"], "pointwise.density=0: choose a share above 0"),
        (["seed=0,x"], "seed=x: expected a whole number"),
        (["seed=0,1", "trainer=ddp"], "jobs of a sweep run on one device; write trainer.devices=1"),
    ],
)
def test_a_mistake_in_one_job_stops_a_sweep_before_it_begins(
    swept: list[str], message: str, words_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("train", "-m", *TINY, f"data.root={words_folder}", f"run_dir={tmp_path}/X", *swept) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "X").exists()


def test_a_sweep_says_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("train", "-m", "seed=0,1") == 2
    assert "-m: say where the runs go, run_dir=FOLDER" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_says_how_to_go_on(
    number: signal.Signals, words_folder: Path, tmp_path: Path
) -> None:
    places = [f"data.root={words_folder}", f"run_dir={tmp_path}/run", "trainer.max_epochs=100000"]
    command = [sys.executable, "-m", "speechsrt.cli", "train", *TINY, *places]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ALONE
    ) as run:
        while not (tmp_path / "run/checkpoints/last.ckpt").exists():
            assert run.poll() is None
            time.sleep(0.2)
        run.send_signal(number)
        _, shown = run.communicate(timeout=60)
    assert run.returncode == 1
    assert shown.splitlines()[-1] == f"speechsrt: interrupted: go on with resume={tmp_path}/run"
    assert "Traceback" not in shown


@pytest.mark.slow
def test_a_training_whose_output_nobody_reads_goes_on(words_folder: Path, tmp_path: Path) -> None:
    places = [f"data.root={words_folder}", f"run_dir={tmp_path}/run", "trainer.max_epochs=1"]
    command = [sys.executable, "-m", "speechsrt.cli", "train", *TINY, *places]
    reading, writing = os.pipe()
    os.close(reading)
    subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, env=ALONE)
    os.close(writing)
    assert (tmp_path / "run/metrics.json").is_file()
