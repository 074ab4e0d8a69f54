"""What the console shows where nobody watches, and on a terminal."""

import io
from pathlib import Path

import pytest

from concord3d.console.display import NUM_LOG_LINES, Display
from concord3d.console.expected import ExpectedJob, ExpectedRun


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path) -> ExpectedRun:
    log = tmp_path / "train.log"
    log.write_text("".join(f"line {number}\n" for number in range(50)) + "NonFiniteLoss: the loss is nan\n")
    jobs = {
        4: ExpectedJob("store", "", "shapenet__train", (), 2.0),
        7: ExpectedJob("train", "mm_point", "crosspoint", (1, 2), 90.0, needs=frozenset({4}), log=log),
    }
    return ExpectedRun(jobs, 1, "make reproduce SCALE=demo")


def test_plain_lines_without_a_bar_where_the_output_is_no_terminal(run: ExpectedRun) -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.begin(run)
    display.start([4], 100.0)
    display.finish(4, 102.0)
    display.start([7], 102.0)
    display.finish(7, 192.0)
    display.close()
    assert stream.getvalue().splitlines() == [
        "2 jobs, 1 at a time: about 1 min 32 s",
        "[1/2] store      shapenet__train  2 s  (about 1 min 30 s left)",
        "[2/2] train      mm_point    crosspoint  seeds 1, 2  1 min 30 s",
    ]


def test_a_terminal_has_a_bar_that_goes_away(run: ExpectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = Display(stream)
    display.begin(run)
    display.finish(4, 1.0)
    shown = stream.getvalue()
    display.close()
    assert "1 of 2 jobs" in shown and "left" in shown
    assert "\x1b[?25l" in shown and "\x1b[?25h" in stream.getvalue().removeprefix(shown), "the cursor comes back"
    assert stream.getvalue().endswith("\x1b[2K"), "the bar is wiped out"


def test_a_failed_job_shows_the_end_of_its_log_and_what_to_type(run: ExpectedRun) -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.begin(run)
    display.start([7], 10.0)
    display.fail(7, [run.jobs[7].log], 22.0)
    lines = stream.getvalue().splitlines()
    assert lines[1] == "FAILED train      mm_point    crosspoint  seeds 1, 2  after 12 s"
    assert [line for line in lines if line.startswith("  | ")][-1] == "  | NonFiniteLoss: the loss is nan"
    assert sum(line.startswith("  | ") for line in lines) == NUM_LOG_LINES
    assert lines[-1].strip() == "make reproduce SCALE=demo" and str(run.jobs[7].log) in stream.getvalue()


def test_a_job_without_a_log_was_killed(run: ExpectedRun, tmp_path: Path) -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.begin(run)
    display.fail(7, [tmp_path / "none.log"], 0.0)
    assert "none.log is empty: the job was killed" in stream.getvalue()


def test_jobs_that_were_not_announced_are_passed_over(run: ExpectedRun) -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.finish(1, 0.0)
    display.begin(run)
    display.start([0], 0.0)
    display.finish(0, 1.0)
    display.fail(0, [], 1.0)
    assert len(stream.getvalue().splitlines()) == 1


def test_what_is_said_twice_is_shown_once() -> None:
    stream = io.StringIO()
    display = Display(stream)
    for text in ("Will exit.", "Will exit.", "Done.", "Will exit."):
        display.say(text)
    assert stream.getvalue().splitlines() == ["Will exit.", "Done.", "Will exit."]
