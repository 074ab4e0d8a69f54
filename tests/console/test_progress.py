"""The time left is that of the jobs to come on the free slots, at the pace of this run."""

import pytest

from concord3d.console.expected import ExpectedJob, ExpectedRun
from concord3d.console.progress import OVERDUE, PRIOR_SECONDS, Progress, TimeLeft, duration


def job(seconds: float | None, *needs: int, kind: str = "train", slots: int = 1) -> ExpectedJob:
    return ExpectedJob(kind, "mm_point", "row", (1,), seconds, slots, frozenset(needs))


def progress(*jobs: ExpectedJob, slots: int = 2) -> Progress:
    return Progress(ExpectedRun(dict(enumerate(jobs)), slots, "snakemake"))


def test_jobs_fill_the_slots_and_wait_for_what_they_need() -> None:
    assert progress(job(10), job(20), job(5)).time_left(0).seconds == 20
    assert progress(job(10), job(20), job(5), slots=1).time_left(0).seconds == 35
    # The third waits for the second, though a slot is free after ten seconds.
    assert progress(job(10), job(20), job(5, 1)).time_left(0).seconds == 25
    assert progress(job(10), job(20), job(5, 0, 1)).time_left(0).seconds == 25
    assert progress(job(10, slots=2), job(20)).time_left(0).seconds == 30
    # More cores than there are: the workflow tool scales such a job down.
    assert progress(job(10, slots=8), job(20)).time_left(0).seconds == 30


def test_time_passes_for_running_jobs_and_an_overdue_one_is_not_nearly_done() -> None:
    state = progress(job(100), job(30, 0))
    state.start(0, now=1000)
    assert state.time_left(1000).seconds == 130
    assert state.time_left(1040).seconds == 90
    assert state.time_left(1300).seconds == pytest.approx(OVERDUE * 300 + 30)


def test_a_slow_machine_is_believed_by_and_by() -> None:
    state = progress(job(60), job(60, 0))
    state.start(0, now=0)
    assert state.finish(0, now=240) == 240
    assert state.time_left(240).seconds == pytest.approx(60 * (PRIOR_SECONDS + 240) / (PRIOR_SECONDS + 60))


def test_jobs_that_nobody_measured_are_counted_until_one_of_their_kind_is_done() -> None:
    state = progress(job(10), job(None, kind="store"), job(None, 1, kind="store"))
    assert state.time_left(0) == TimeLeft(10, 2)
    assert str(state.time_left(0)) == "at least 10 s left, 2 jobs of unknown length"
    state.start(1, now=0)
    state.finish(1, now=7)
    assert state.time_left(7) == TimeLeft(10, 0) and str(TimeLeft(10, 0)) == "about 10 s left"
    assert str(TimeLeft(0, 1)) == "1 job of unknown length left"


def test_what_failed_takes_no_more_time_unless_it_is_tried_again() -> None:
    state = progress(job(10), job(20), slots=1)
    state.start(0, now=0)
    assert state.fail(0, now=4) == 4
    assert state.time_left(4).seconds == 20
    state.start(0, now=4)
    assert state.time_left(4).seconds == 30


def test_the_share_done_counts_work_and_not_jobs() -> None:
    state = progress(job(10), job(90))
    assert state.share_done(0) == 0
    state.start(0, now=0)
    assert state.share_done(5) == pytest.approx(0.05, rel=0.01)
    state.finish(0, now=10)
    assert state.share_done(10) == pytest.approx(0.1)
    state.start(1, now=10)
    assert 0.9 < state.share_done(1e6) < 1, "what still runs is not done"
    state.finish(1, now=100)
    assert state.share_done(100) == 1


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (61, "1 min 01 s"), (3600, "1 h 00 min"), (7380, "2 h 03 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
