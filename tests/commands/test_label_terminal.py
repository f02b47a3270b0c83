"""`trajset label` in a real terminal (a pty): rows are labelled, the process is killed, nothing is lost."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.filters.audit_sample import SampledRow
from trajset.filters.label_csv import write_plan

Launch = Callable[..., int]
ROWS = 5
PATIENCE_S = 60.0
LOOK_S = 0.5


def _environment() -> dict[str, str]:
    """As in a terminal: what runs the tests may have fixed the size, which would hide any resizing."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return inherited | {"TERM": "xterm-256color"}


def _as_a_shell_would() -> None:
    """Give the new process its terminal, and Ctrl-C its meaning (what runs the tests may ignore it)."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A process in a terminal of 80 by 24, and what it has written there."""

    def __init__(self, command: list[str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=_environment(),
            preexec_fn=_as_a_shell_would,
        )
        os.close(slave)
        self.written = ""

    def wait_for(self, text: str) -> str:
        """Read until the text has been written since the last key; all that was."""
        started, looks = time.monotonic(), 0
        while text not in self.written:
            # Looks are counted, not seconds: a machine that was paused has not been patient.
            looks += not self._read(LOOK_S)
            if looks > PATIENCE_S / LOOK_S or (looks and self.process.poll() is not None):
                state = f"exit code {self.process.poll()} after {time.monotonic() - started:.1f} s"
                pytest.fail(f"{text!r} was not written ({state}), but {self.written!r}")
        return self.written

    def press(self, keys: str) -> None:
        self.written = ""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read(PATIENCE_S):
            pass
        return self.process.wait(PATIENCE_S)

    def resize(self, rows: int, columns: int) -> None:
        self.written = ""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._master], [], [], max(wait_s, 0))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so where the other end is closed
            return False
        self.written += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset, and `audit.csv` beside it with all of its rows in order."""
    rows = [sample_row(number) for number in range(ROWS)]
    write_dataset(tmp_path / "data", Tables(rows), MadeBy("test", CREATED))
    write_plan(tmp_path / "audit.csv", [SampledRow(row.id, "all", ROWS, 1.0) for row in rows])
    return tmp_path / "data"


@contextmanager
def labelling(data: Path, *options: str) -> Iterator[Terminal]:
    sample = str(data.parent / "audit.csv")
    command = ["label", str(data), "--annotator", "ada", "--sample", sample, *options]
    terminal = Terminal([sys.executable, "-m", "trajset", *command])
    try:
        yield terminal
    finally:
        terminal.close()


def test_killed_and_resumed_no_answer_is_lost(data: Path) -> None:
    with labelling(data) as terminal:
        terminal.wait_for("1 of 5 · 0 labelled")
        for number, keys in enumerate(["yy\r", "nnwrong capital é\r", "yuopen\r"], start=1):
            terminal.press(keys)
            terminal.wait_for(f"{number + 1} of 5 · {number} labelled")
        terminal.process.send_signal(signal.SIGKILL)
        terminal.end()
    assert list(LocalDataset.open(data).labels()) == []
    with labelling(data) as terminal:
        terminal.wait_for("4 of 5 · 3 labelled")
        assert len(list(LocalDataset.open(data).labels())) == 3
        terminal.press("ny\r")
        terminal.wait_for("5 of 5 · 4 labelled")
        terminal.press("q")
        assert terminal.end() == 0, terminal.written
        assert "4 of 5 rows labelled by ada." in terminal.written
    labels = list(LocalDataset.open(data).labels())
    told = [(label.correct, label.grounded, label.note) for label in labels]
    expected = [
        (True, True, None),
        (False, False, "wrong capital é"),
        (True, None, "open"),
        (False, True, None),
    ]
    assert told == expected
    assert [label.row_id for label in labels] == [f"{number:016x}" for number in range(4)]
    assert {(label.stratum, label.stratum_size, label.inclusion_probability) for label in labels} == {
        ("all", ROWS, 1.0)
    }
    LocalDataset.open(data).verify()


def test_help_resizing_and_ctrl_c(data: Path) -> None:
    with labelling(data, "--show-scores") as terminal:
        assert "stratum" in terminal.wait_for("1 of 5")
        terminal.press("\x1b[B\x1b[6~\x1b[5~\x1b[A?")
        terminal.wait_for("Any key goes back.")
        terminal.press("\x1b")
        terminal.wait_for("1 of 5")
        terminal.resize(10, 40)
        terminal.wait_for("more lines")
        terminal.press("yy\r")
        terminal.wait_for("2 of 5")
        terminal.press("y\x03")
        assert terminal.end() == 130
        assert "\x1b[?1049l" in terminal.written
        assert "\x1b[?25h" in terminal.written
        assert "Traceback" not in terminal.written
    assert len(list(LocalDataset.open(data).labels())) == 1


def test_without_a_sample_it_says_how_to_draw_one(
    data: Path, launch: Launch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajset.commands.label_run.need_terminal", lambda: None)
    assert launch("label", data, "--annotator", "ada", "--sample", data.parent / "none.csv") == 2
    assert f"trajset label sample {data} --out" in capsys.readouterr().err


def test_without_a_terminal_it_says_what_to_do_instead(
    data: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch("label", data, "--annotator", "ada", "--sample", data.parent / "audit.csv") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "must have a terminal to ask in" in told
    assert "trajset label import" in told
