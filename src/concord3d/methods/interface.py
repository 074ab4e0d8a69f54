"""What the training loop asks of a method, and what a method is told when it is built.

Shape legend: B units of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.batches.interface import BatchType
from concord3d.config.validation import require_known
from concord3d.losses.embeddings import Gather, no_gather
from concord3d.methods.settings import INIT, PACKAGE, MethodSettings, method_kind
from concord3d.models.factory import build_point_encoder, load_point_encoder

Table = Mapping[str, NDArray[Any]]


class LossTerms(NamedTuple):
    """A loss and what it is made of.

    Attributes:
        total: Scalar to minimise, float32.
        terms: Named scalars for the record.
    """

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class EarlierTraining:
    """A finished training that another one learns from.

    Attributes:
        run: Its resolved configuration.
        weights: Files of its saved modules, by name.
    """

    run: Mapping[str, Any]
    weights: Mapping[str, Path]

    def module(self, name: str = "point") -> nn.Module:
        """Return one of its modules with the weights of the last epoch; torch's global generator is left as it was.

        Raises:
            ConfigError: It saved no such module; the nearest name is given.
            CheckpointCorrupt: The weights cannot be read or do not fit.
        """
        with torch.random.fork_rng():
            return saved_module(self.run, name, self.file(name))

    def file(self, name: str = "point") -> Path:
        """Return the weights of one of its modules after the last epoch.

        Raises:
            ConfigError: It saved no such module; the nearest name is given.
        """
        require_known(name, self.weights, "saved module", f"the training of '{self.run['method']}'")
        return self.weights[name]


def saved_module(run: Mapping[str, Any], name: str, weights: Path) -> nn.Module:
    """Build a module that a training has saved, and load its weights.

    Args:
        run: Resolved configuration of the training.
        name: Name of the module, one of the method's ``saved``.
        weights: Its file.

    Raises:
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    builder = method_kind(run["method"]).rebuilt_by
    if builder is None:
        return load_point_encoder(run["encoder"], weights)
    module: nn.Module = import_module(builder).rebuilt(run, name, weights)
    return module


@dataclass(frozen=True)
class Context:
    """What a method is told when it is built.

    Attributes:
        encoder: The run's ``encoder`` section.
        data_settings: The run's ``data`` section.
        data: The data that it will be trained on; None for a method that reads none.
        held_out: Units of the data that it will never be trained on.
        needs: Earlier trainings by role.
        device: ``auto``, ``cpu`` or ``cuda``, for frozen encoders that a method opens.
        weights_folder: Where their weights may lie; None for installed packages and the libraries' own caches.
        tower: The run's ``tower`` section: ``model`` and ``weights`` of the frozen tower that ``data.tower`` names,
            where ``weights`` is None for one that is trained here; None where there is no tower.
    """

    encoder: Mapping[str, Any]
    data_settings: Mapping[str, Any]
    data: Any = None
    held_out: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    needs: Mapping[str, EarlierTraining] = field(default_factory=dict)
    device: str = "auto"
    weights_folder: Path | None = None
    tower: Mapping[str, Any] | None = None

    @property
    def num_points(self) -> int:
        """Points per cloud that the encoder shall see."""
        return int(self.data_settings["num_points"])

    def point_encoder(self) -> nn.Module:
        """Build the run's point encoder with random weights.

        A method builds it before anything else, so that all methods with one seed start from the same encoder.
        """
        return build_point_encoder(self.encoder)

    def started_point_encoder(self) -> nn.Module:
        """Build the run's point encoder, with the weights of the earlier training in the role ``init`` if there is one.

        Raises:
            ConfigError: That training keeps no point encoder.
            CheckpointCorrupt: Its weights cannot be read or do not fit.
        """
        if INIT not in self.needs:
            return self.point_encoder()
        return load_point_encoder(self.encoder, self.needs[INIT].file("point"))


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are optimised alike.

    Attributes:
        parameters: The parameters.
        rate: Factor of the learning rate.
        weight_decay: In place of the run's; None leaves it.
    """

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0
    weight_decay: float | None = None


class Method(nn.Module, Generic[BatchType]):
    """A training objective around the modules that it trains.

    Everything that must survive a restart is a parameter, a buffer or a submodule, the average of a teacher too. Every
    parameter that requires a gradient takes part in every loss: several processes would else wait for each other.

    Attributes:
        gather: Collects embeddings over processes; set by the training loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gather: Gather = no_gather

    def saved(self) -> Mapping[str, nn.Module]:
        """Return the modules that a training keeps, by the names that the settings' ``saved`` lists."""
        raise NotImplementedError

    def header(self, name: str) -> Mapping[str, str]:
        """Return what the weights file of a saved module says besides, such as the configuration that it belongs to.

        Args:
            name: Name of the module.
        """
        return {}

    def loss(self, batch: BatchType, draw: torch.Generator) -> LossTerms:
        """Return the loss of one batch, in training mode.

        Args:
            batch: As stored, before any augmentation, on the device.
            draw: CPU generator for every random number of this step.
        """
        raise NotImplementedError

    def held_out(self, batch: BatchType, draw: torch.Generator) -> dict[str, float]:
        """Return named figures of units never trained on; called in evaluation mode without gradients."""
        return {}

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """Return the parameters to optimise; by default one group of all that have gradients."""
        return [ParameterGroup([parameter for parameter in self.parameters() if parameter.requires_grad])]

    def after_step(self, step: int, num_steps: int) -> None:
        """Do what follows every step of the optimiser, such as the average of a teacher or of a codebook.

        Called without gradients, in every process.

        Args:
            step: Steps done, from 1.
            num_steps: Steps of the whole training.
        """

    def exports(self, epoch: int) -> Mapping[str, Table]:
        """Return arrays that the training leaves of an epoch, such as pseudo-labels, by name.

        Called after every epoch by the first process alone, in evaluation mode without gradients. A method that
        returns any says so in its settings.

        Args:
            epoch: Epochs done, from 1.
        """
        return {}

    def reports(self, weights: Mapping[str, Path]) -> Mapping[str, Any]:
        """Return what the method says after the last epoch, one JSON file per name of the settings' ``reports``.

        Called by the first process alone, in evaluation mode without gradients.

        Args:
            weights: Files of the saved modules, by name.
        """
        return {}


def build_method(name: str, settings: MethodSettings, context: Context) -> Method[Any]:
    """Build a method with freshly initialised weights, drawn from torch's global generator.

    Args:
        name: The method.
        settings: Its settings.
        context: What else it is told.

    Raises:
        ConfigError: Settings, data and earlier trainings do not fit together.
        TypeError: The method is none, or saves other modules than its settings announce.
    """
    method = import_module(f"{PACKAGE}.{name}.method").build(settings, context)
    if not isinstance(method, Method):
        raise TypeError(f"{PACKAGE}.{name}.method.build returned {type(method)}, not a Method")
    require_names(method, "saved", method.saved(), settings.saved)
    return method


def require_names(method: Method[Any], what: str, given: Mapping[str, Any], announced: Sequence[str]) -> None:
    """Refuse a method whose ``saved`` or ``reports`` returns other names than its settings announce.

    Args:
        method: The method.
        what: Name of its function.
        given: What the function returned.
        announced: Names in the settings, from which the plan of all jobs knows the files.

    Raises:
        TypeError: The names differ.
    """
    if sorted(given) != sorted(announced):
        raise TypeError(
            f"{type(method).__name__}.{what} returned {sorted(given)}, its settings announce {sorted(announced)}"
        )


def feature_width(encoder: nn.Module) -> int:
    """Return an encoder's ``feature_dim``.

    Raises:
        TypeError: The module has no such integer.
    """
    width = getattr(encoder, "feature_dim", None)
    if not isinstance(width, int):
        raise TypeError(f"{type(encoder).__name__} has no integer feature_dim")
    return width
