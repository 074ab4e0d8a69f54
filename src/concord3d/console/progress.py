"""How far a run is, and how long the rest of it will take, from expected and from measured times of its jobs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from concord3d.console.expected import ExpectedJob, ExpectedRun

# Expected times count as much as this many measured seconds when the pace of a machine is judged by its first jobs.
PRIOR_SECONDS = 10.0
# A job that takes longer than expected is expected to take this share of its time so far again.
OVERDUE = 0.1
# Until it ends, a job counts for this share of its work at most.
NEARLY = 0.95


@dataclass(frozen=True)
class TimeLeft:
    """An answer to how long a run will still take.

    Attributes:
        seconds: Of the jobs whose time is known.
        num_unknown: Jobs to come whose time neither an earlier run nor a job of their kind in this run has measured.
    """

    seconds: float
    num_unknown: int

    def __str__(self) -> str:
        if not self.num_unknown:
            return f"about {duration(self.seconds)} left"
        jobs = f"{self.num_unknown} job{'s' if self.num_unknown > 1 else ''} of unknown length"
        return f"at least {duration(self.seconds)} left, {jobs}" if self.seconds else f"{jobs} left"


def duration(seconds: float) -> str:
    """Say a time in the units that a reader cares for."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """States of the jobs of a run.

    Args:
        run: Its jobs.
    """

    def __init__(self, run: ExpectedRun) -> None:
        self.run = run
        self._started: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._failed: set[int] = set()

    @property
    def num_done(self) -> int:
        """Jobs that are finished."""
        return len(self._took)

    def start(self, number: int, now: float) -> None:
        """A job starts, perhaps again."""
        self._failed.discard(number)
        self._started[number] = now

    def finish(self, number: int, now: float) -> float:
        """A job ends; return its seconds."""
        self._took[number] = now - self._started.pop(number, now)
        return self._took[number]

    def fail(self, number: int, now: float) -> float:
        """A job fails; return its seconds."""
        self._failed.add(number)
        return now - self._started.pop(number, now)

    def share_done(self, now: float) -> float:
        """Return the share of the expected work that is done, in [0, 1]."""
        expected = {number: self._expected(job) for number, job in self.run.jobs.items()}
        known = [seconds for seconds in expected.values() if seconds is not None]
        typical = sum(known) / len(known) if known else 1.0
        weights = {number: typical if seconds is None else seconds for number, seconds in expected.items()}
        partial = sum(min(now - began, NEARLY * weights[number]) for number, began in self._started.items())
        done = sum(weights[number] for number in self._took) + partial
        return done / (sum(weights.values()) or 1.0)

    def time_left(self, now: float) -> TimeLeft:
        """Return how long the rest will take, with each job put on a free slot once what it needs is there.

        Args:
            now: In seconds.
        """
        rest = {
            number: job
            for number, job in self.run.jobs.items()
            if number not in self._took and number not in self._failed
        }
        seconds = {number: self._rest_of(number, job, now) for number, job in rest.items()}
        num_unknown = sum(value is None for value in seconds.values())
        return TimeLeft(self._simulated({n: value or 0.0 for n, value in seconds.items()}), num_unknown)

    def _rest_of(self, number: int, job: ExpectedJob, now: float) -> float | None:
        expected = self._expected(job)
        began = self._started.get(number)
        if expected is None or began is None:
            return expected
        elapsed = now - began
        return max(expected - elapsed, OVERDUE * elapsed)

    def _expected(self, job: ExpectedJob) -> float | None:
        """Expected seconds of a job at the pace of this run; without any, those of its kind in this run."""
        if job.seconds is not None:
            return job.seconds * self._pace()
        alike = [took for number, took in self._took.items() if self.run.jobs[number].kind == job.kind]
        return sum(alike) / len(alike) if alike else None

    def _pace(self) -> float:
        pairs = [(took, self.run.jobs[number].seconds) for number, took in self._took.items()]
        known = [(took, expected) for took, expected in pairs if expected is not None]
        return (PRIOR_SECONDS + sum(took for took, _ in known)) / (PRIOR_SECONDS + sum(e for _, e in known))

    def _simulated(self, seconds: dict[int, float]) -> float:
        """Seconds until the last of some jobs ends."""
        jobs = {number: self.run.jobs[number] for number in seconds}
        open_needs = {number: {n for n in job.needs if n in seconds} for number, job in jobs.items()}
        followers = defaultdict(list)
        for number, needs in open_needs.items():
            for need in needs:
                followers[need].append(number)
        waiting = [n for n in self._in_order(seconds) if not open_needs[n]]
        free, clock, ends = self.run.slots, 0.0, list[tuple[float, int]]()
        while waiting or ends:
            for number in list(waiting):
                slots = min(jobs[number].slots, self.run.slots)
                if slots <= free:
                    waiting.remove(number)
                    free -= slots
                    heapq.heappush(ends, (clock + seconds[number], number))
            clock, ended = heapq.heappop(ends)
            free += min(jobs[ended].slots, self.run.slots)
            for follower in followers[ended]:
                open_needs[follower].discard(ended)
                if not open_needs[follower]:
                    waiting.append(follower)
        return clock

    def _in_order(self, numbers: Iterable[int]) -> list[int]:
        """Running jobs first: they hold their slots already."""
        return sorted(numbers, key=lambda number: number not in self._started)
