"""Processes end where they are told to, and signals are heard where they should be."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from speechsrt.commands.processes import Processes, interruptible

ENDLESS = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]


def test_what_runs_and_what_begins_later_is_told_to_end(tmp_path: Path) -> None:
    processes, codes = Processes(), list[int]()
    with (tmp_path / "log").open("wb") as log, (tmp_path / "lock").open("w") as lock:

        def wait() -> None:
            codes.append(processes.run(ENDLESS, log, os.environ, lock.fileno()))

        thread = threading.Thread(target=wait)
        thread.start()
        while b"here" not in (tmp_path / "log").read_bytes():
            time.sleep(0.02)
        processes.terminate()
        thread.join()
        wait()
    assert codes == [-signal.SIGTERM] * 2


def test_exit_codes_and_words_arrive(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import sys; print('said'); sys.exit(3)"]
    with (tmp_path / "log").open("wb") as log, (tmp_path / "lock").open("w") as lock:
        assert Processes().run(program, log, os.environ, lock.fileno()) == 3
    assert (tmp_path / "log").read_text() == "said\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_are_an_interrupt_inside_the_block_alone(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match="go on so"), interruptible("go on so"):
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible("go on so"):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_hears_no_signals() -> None:
    ended = list[bool]()

    def block() -> None:
        with interruptible("go on so"):
            ended.append(True)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert ended == [True]
