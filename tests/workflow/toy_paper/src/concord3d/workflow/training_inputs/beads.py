"""Files of a training on strings of beads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord3d.methods.settings import MethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings
from concord3d.workflow.training_nodes import MadeTraining


class BeadData(DataSettings):
    """A training on strings of beads is told nothing but its data set."""


SETTINGS = BeadData


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the store of the training split."""
    return {"strings": [sources.data.store(run["pretrain"]["dataset"], "train")]}
