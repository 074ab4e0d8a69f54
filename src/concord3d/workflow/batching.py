"""Which nodes share a job: the fewer jobs, the fewer times Python and its libraries are started."""

from __future__ import annotations

from dataclasses import dataclass

from concord3d.config.models import BatchName


@dataclass(frozen=True)
class Batching:
    """Names of the jobs that make trainings, features and evaluations.

    Attributes:
        by: ``seed``: a paper's trainings with one seed share a job, and so do their evaluations and all features of a
            tower; ``experiment``: all seeds of an experiment do; ``node``: each has its own.
    """

    by: BatchName

    def training(self, paper: str, experiment: str, seed: int, job_seed: int, encodes: bool = False) -> str:
        """Return the job of a training.

        Args:
            paper: Its paper.
            experiment: Its experiment.
            seed: Its seed.
            job_seed: The seed whose job may be shared.
            encodes: Whether other trainings of the paper read what its encoder makes of their data, or what that of a
                training makes which rests on it. Between the two stands another job, so they cannot share one.
        """
        job = self._run("train", paper, experiment, job_seed, f"{experiment}__s{seed}")
        return f"{job}_encoders" if encodes and self.by == "seed" else job

    def evaluation(self, paper: str, experiment: str, seed: int, job_seed: int, name: str) -> str:
        """Return the job of an evaluation; ``name`` says which."""
        return self._run("evaluate", paper, experiment, job_seed, f"{name}__s{seed}")

    def features(self, tower: str, of: str) -> str:
        """Return the job of a tower's features."""
        return f"encode_{tower}" if self.by == "seed" else f"encode_{tower}_{of}"

    def _run(self, verb: str, paper: str, experiment: str, seed: int, own: str) -> str:
        shared = {"seed": f"s{seed}", "experiment": experiment, "node": own}[self.by]
        return f"{verb}_{paper}_{shared}"
