"""Files of a training on labelled LiDAR sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import PositiveInt, model_validator

from concord3d.methods.settings import MethodSettings
from concord3d.workflow.node import Made
from concord3d.workflow.tower_nodes import TowerNodes
from concord3d.workflow.training_inputs import DataSettings, only_dataset
from concord3d.workflow.training_nodes import MadeTraining


class LabelledSweepSettings(DataSettings):
    """What a training on labelled sweeps is told (CMCR spec 1.1 to 1.3).

    Attributes:
        percent: Share of the labels that are used, by the official rules: of nuScenes whole scenes (1, 5, 10, 25, 100),
            of other data sets single scans (1, 5, 10, 20, 50, 100); null uses all.
        num_sweeps: So many sweeps of an even spread are used instead; more sweeps hold all those of fewer.
        sweeps_per_epoch: An epoch reads so many sweeps, the chosen ones again and again, so that trainings on few and
            on many sweeps have as many steps; null reads each once.
    """

    percent: Literal[1, 5, 10, 20, 25, 50, 100] | None = None
    num_sweeps: PositiveInt | None = None
    sweeps_per_epoch: PositiveInt | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> LabelledSweepSettings:
        if self.percent is not None and self.num_sweeps is not None:
            raise ValueError("'percent' and 'num_sweeps' exclude each other")
        return self


SETTINGS = LabelledSweepSettings


def inputs(
    run: Mapping[str, Any], settings: MethodSettings, sources: TowerNodes, needs: Mapping[str, MadeTraining]
) -> dict[str, list[Made]]:
    """Return the files that a training reads, by name.

    Args:
        run: Resolved configuration.
        settings: Settings of the method.
        sources: Makes the nodes of stores.
        needs: Earlier trainings by role.

    Raises:
        ConfigError: Several data sets.
    """
    dataset = only_dataset(run, "labelled sweeps")
    return {"sweeps": [sources.data.store(dataset, "train")]}
