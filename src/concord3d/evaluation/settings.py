"""What each protocol may be told; unknown keys are refused with the nearest valid one."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from concord3d.config.validation import StrictModel
from concord3d.evaluation.fine_tuning_loop import FineTuning
from concord3d.evaluation.linear_svm import C_GRID


class FrozenSettings(StrictModel):
    """Settings of every protocol on frozen features.

    Attributes:
        num_points: First points of each cloud that are encoded; null takes the published number of the protocol, or
            the number of pre-training where that is smaller.
        batch_size: Clouds per forward pass.
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 32


class LinearSvmSettings(FrozenSettings):
    """Linear SVM (spec 6.1).

    Attributes:
        c_grid: Costs tried by cross-validation.
        c_extend: Continue the grid upwards where its largest cost is the best.
        cv_folds: Folds of the cross-validation.
        cv_max_items: Size of the stratified subset for the search; null takes all training items.
        cv_seed: Seed of the subset and the folds.
        as_published: Also run the published protocol, which selects the checkpoint on the test split.
        published_c: Cost of the published protocol; null takes that of the data set.
    """

    c_grid: tuple[PositiveFloat, ...] = Field(default=C_GRID, min_length=1)
    c_extend: bool = True
    cv_folds: int = Field(default=5, ge=2)
    cv_max_items: PositiveInt | None = None
    cv_seed: int = 0
    as_published: bool = True
    published_c: PositiveFloat | None = None


class FewShotSettings(FrozenSettings):
    """Few-shot classification (spec 6.2).

    Attributes:
        ways: Values of N.
        shots: Values of K.
        num_query: Query clouds per class.
        num_runs: Episodes per setting.
        cost: C of the SVC.
        episode_seed: Seed of the episodes, the same for every encoder.
    """

    ways: tuple[int, ...] = Field(default=(5, 10), min_length=1)
    shots: tuple[int, ...] = Field(default=(10, 20), min_length=1)
    num_query: PositiveInt = 20
    num_runs: int = Field(default=50, ge=2)
    cost: PositiveFloat = 1.0
    episode_seed: int = Field(default=0, ge=0)


class KnnSettings(FrozenSettings):
    """Nearest neighbours of frozen features.

    Attributes:
        num_neighbours: k of the classifier.
        purity_neighbours: k of the purity.
    """

    num_neighbours: PositiveInt = 20
    purity_neighbours: PositiveInt = 10


class OccupancyKnnSettings(StrictModel):
    """One nearest neighbour on occupancy grids of the clouds themselves.

    Attributes:
        num_points: First points of each cloud; null takes all that are stored.
        resolution: Cells per axis.
    """

    num_points: PositiveInt | None = None
    resolution: int = Field(default=16, ge=2, le=32)


class TsneSettings(FrozenSettings):
    """t-SNE maps of the test split (spec 9, F5).

    Attributes:
        perplexities: One map each.
        max_iterations: Gradient steps.
        tsne_seed: Seed of the optimiser.
        purity_neighbours: k of the purity that stands beside the map.
    """

    perplexities: tuple[PositiveFloat, ...] = Field(default=(30.0, 100.0), min_length=1)
    max_iterations: int = Field(default=1000, ge=250)
    tsne_seed: int = 0
    purity_neighbours: PositiveInt = 10


class TrainedSettings(StrictModel):
    """Settings of every protocol that trains.

    Attributes:
        num_points: First points of each cloud; null as in :class:`FrozenSettings`.
        k: Neighbours per point of encoders that have them.
        training: The recipe.
        augment: Scale and shift per axis.
    """

    num_points: PositiveInt | None = None
    k: PositiveInt = 20
    training: FineTuning = FineTuning()
    augment: bool = True


class FinetuneSettings(TrainedSettings):
    """Fine-tuned classification (spec 6.3)."""


class PartSegmentationSettings(TrainedSettings):
    """Part segmentation (spec 6.4).

    Attributes:
        num_parts: Part labels over all categories; null takes them from the labels.
        num_examples: Test shapes whose points and labels are kept for the figure.
    """

    k: PositiveInt = 40
    training: FineTuning = FineTuning(epochs=300, batch_size=8)
    augment: bool = False
    num_parts: PositiveInt | None = None
    num_examples: int = Field(default=16, ge=0)


class SemanticSegmentationSettings(StrictModel):
    """Semantic segmentation (spec 6.5).

    Attributes:
        k: Neighbours per point.
        training: The recipe.
        test_areas: Areas to leave out one after another (1-6 is the published protocol); null keeps the data's split.
        num_classes: Semantic classes.
    """

    k: PositiveInt = 20
    training: FineTuning = FineTuning(epochs=100, batch_size=32)
    test_areas: tuple[int, ...] | None = None
    num_classes: PositiveInt = 13

    @model_validator(mode="after")
    def _only_the_last_epoch(self) -> SemanticSegmentationSettings:
        if self.training.evaluate_every:
            raise ValueError("semantic segmentation tests the last epoch only; set training.evaluate_every to 0")
        return self
