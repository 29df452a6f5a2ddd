"""Processes that threads wait for, and that end where this one is told to."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO


class Processes:
    """Processes under way. Their own threads wait in `run`; any other may call `terminate`."""

    def __init__(self) -> None:
        self._running = set[subprocess.Popen[bytes]]()
        self._ending = False

    def run(
        self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str], lock: int
    ) -> int:
        """Run a command until it ends, and return its exit code.

        What it says goes to ``output``. It inherits the descriptor ``lock``, which stays locked until the
        command ends, even where this process is killed before it.
        """
        with subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, pass_fds=[lock]
        ) as process:
            self._running.add(process)
            if self._ending:
                self.terminate()
            code = process.wait()
        self._running.discard(process)
        return code

    def terminate(self) -> None:
        """Tell all to end that are under way or begin from now on.

        Each is told once: a second SIGTERM would cut its farewell short.
        """
        self._ending = True
        with suppress(KeyError):  # where two threads see the last one
            while self._running:
                self._running.pop().terminate()


@contextmanager
def interruptible(remedy: str) -> Iterator[None]:
    """Take SIGTERM, which batch systems send, as Ctrl-C while the block runs.

    Nothing changes outside the main thread, where Python hears no signals, nor for a signal that is ignored,
    as Ctrl-C is in the background of a script, or that is not Python's to handle.

    Raises:
        KeyboardInterrupt: at either signal; it tells ``remedy``.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(remedy)

    main = threading.current_thread() is threading.main_thread()
    heard = (signal.SIGINT, signal.SIGTERM) if main else ()
    kept = [number for number in heard if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, interrupt) for number in kept}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
