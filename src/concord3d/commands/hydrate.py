"""After ``git clone``: bring artifacts with DVC, then make Snakemake accept them.

Snakemake's provenance folder is not part of a clone and pulled files have arbitrary times, so it would redo all.
``snakemake --touch`` repairs that, but only after DVC has confirmed that every file is the recorded one.
"""

from __future__ import annotations

import json
from pathlib import Path

from concord3d.commands.nodes import plan_of
from concord3d.commands.workflow import call
from concord3d.errors import DatasetCorrupt, DatasetMissing
from concord3d.workflow.guard import require_complete
from concord3d.workflow.state import State


def hydrate(root: Path) -> None:
    """Pull, compare with ``dvc.lock`` and touch.

    Raises:
        ConcordError: The pull fails.
        DatasetMissing: There is no ``dvc.lock``.
        ArtifactStale: An artifact is absent, or was made of something else than configuration and sources ask for.
        DatasetCorrupt: After the pull some file or parameter still differs from ``dvc.lock``.
    """
    if not (root / "dvc.lock").exists():
        raise DatasetMissing(
            "No artifacts are recorded in this clone",
            where=root / "dvc.lock",
            next_step="make them: snakemake --cores all",
        )
    call(root, "dvc", "pull", check=True)
    differences = json.loads(call(root, "dvc", "status", "--json", capture=True, check=True).stdout or "{}")
    if differences:
        raise DatasetCorrupt(
            "The working tree differs from dvc.lock, so its artifacts cannot be taken as up to date",
            where=root / "dvc.lock",
            expected="no difference",
            found=json.dumps(differences, indent=1),
            next_step="undo your changes and hydrate again, or remake everything: snakemake --cores all",
        )
    require_complete(State(plan_of(root)))
    call(root, "snakemake", "--touch", "--cores", "1", "--quiet", "all", check=True)
    print("Artifacts are in place. 'snakemake --cores all -n' has nothing to do.")
