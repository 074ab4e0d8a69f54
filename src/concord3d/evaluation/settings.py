"""What each protocol may be told; unknown keys are refused with the nearest valid one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from concord3d.config.validation import StrictModel
from concord3d.evaluation.features import Layer
from concord3d.evaluation.fine_tuning_loop import FineTuning
from concord3d.evaluation.linear_svm import C_GRID
from concord3d.evaluation.probing import COSTS
from concord3d.evaluation.retrieval import FAISS_ABOVE
from concord3d.geometry.mixing import MixingSettings, OperatorName

Direction = Literal["text_to_shape", "shape_to_text", "image_to_shape", "shape_to_shape"]
Weight = Annotated[float, Field(ge=0, le=1)]


class FrozenSettings(StrictModel):
    """Settings of every protocol on frozen features.

    Attributes:
        num_points: First points of each cloud that are encoded; null takes the published number of the protocol, or
            the number of pre-training where that is smaller.
        batch_size: Clouds per forward pass.
        normalise: Centre each cloud on its centroid and divide by the largest radius first.
    """

    num_points: PositiveInt | None = None
    batch_size: PositiveInt = 32
    normalise: bool = False


class LinearSvmSettings(FrozenSettings):
    """Linear SVM (MM-Point spec 6.1).

    Attributes:
        c_grid: Costs tried by cross-validation.
        c_extend: Continue the grid upwards where that may help, see :func:`linear_svm.search_cost`.
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
    """Few-shot classification (MM-Point spec 6.2).

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
    """t-SNE maps of the test split (MM-Point spec 9, F5).

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
    """Fine-tuned classification (MM-Point spec 6.3)."""


class PartSegmentationSettings(TrainedSettings):
    """Part segmentation (MM-Point spec 6.4).

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
    """Semantic segmentation (MM-Point spec 6.5).

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


class AlignedSettings(FrozenSettings):
    """Settings of every protocol of encoders that are aligned with a tower (MM-Mixing spec 1.3, 1.4).

    Attributes:
        resample_seed: Where clouds hold fewer points than the encoder takes, points are drawn with replacement from
            this seed.
    """

    normalise: bool = True
    resample_seed: int = Field(default=0, ge=0)


class ZeroShotSettings(AlignedSettings):
    """Zero-shot classification (MM-Mixing spec 5.1).

    Attributes:
        ks: Lengths of the lists in which the true class counts as found; 1 is among them.
        num_resamples: Draws to average over where clouds hold fewer points than the encoder takes.
    """

    ks: tuple[PositiveInt, ...] = (1, 3, 5)
    num_resamples: PositiveInt = 10

    @field_validator("ks")
    @classmethod
    def _with_one(cls, ks: tuple[int, ...]) -> tuple[int, ...]:
        if 1 not in ks or len(set(ks)) != len(ks):
            raise ValueError("different values with 1 among them")
        return ks


class RetrievalSettings(AlignedSettings):
    """Retrieval between shapes, pictures and texts (MM-Mixing spec 5.3).

    Attributes:
        directions: What is looked for with what; null takes all that the data permit.
        ks: Lengths of the lists in which the one right item counts as found.
        precision_k: Length of the list in which items of the query's class are counted.
        view: Picture of each shape that is the query.
        faiss_above: Size of the gallery above which faiss proposes the candidates.
        num_examples: Queries whose first five candidates are kept for the figure.
    """

    directions: tuple[Direction, ...] | None = Field(default=None, min_length=1)
    ks: tuple[PositiveInt, ...] = Field(default=(1, 5, 10), min_length=1)
    precision_k: PositiveInt = 10
    view: int = Field(default=0, ge=0)
    faiss_above: PositiveInt = FAISS_ABOVE
    num_examples: int = Field(default=8, ge=0)


class ProbeSettings(AlignedSettings):
    """Settings of both linear probes.

    Attributes:
        layer: ``output``, or ``backbone`` for the features before the projection into the tower's space.
        max_iterations: Steps of the optimiser.
        probe_seed: Seed of the choice of training items, the same for every encoder.
    """

    layer: Layer = "output"
    max_iterations: PositiveInt = 1000
    probe_seed: int = Field(default=0, ge=0)


class LinearProbeSettings(ProbeSettings):
    """Linear probing (MM-Mixing spec 5.2a).

    Attributes:
        costs: Values of C to choose from.
        held_out_share: Share of the training items that C is chosen on.
    """

    costs: tuple[PositiveFloat, ...] = Field(default=COSTS, min_length=1)
    held_out_share: float = Field(default=0.1, gt=0, lt=1)


class FewShotProbeSettings(ProbeSettings):
    """Few-shot linear probing (MM-Mixing spec 5.2b).

    Attributes:
        shots: Training items per class.
        num_draws: Draws of training items to average over.
        cost: C.
    """

    shots: tuple[PositiveInt, ...] = Field(default=(1, 2, 4, 8, 16), min_length=1)
    num_draws: PositiveInt = 10
    cost: PositiveFloat = 1.0


class AlignmentSettings(AlignedSettings):
    """Alignment of shapes with their pictures and texts (MM-Mixing spec 7, C12)."""


class ConsistencySettings(AlignedSettings):
    """Consistency of features under mixing (MM-Mixing spec 7, C13).

    Attributes:
        weights: Values of lambda, the weight of a pair's first cloud.
        operator: How clouds are mixed.
        mixing: Constants of the operators.
        pair_seed: Seed of the pairs and of the mixing, the same for every encoder and every lambda.
        max_items: Size of a random subset of the test shapes; null takes all.
    """

    weights: tuple[Weight, ...] = Field(default=(0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    operator: OperatorName = "point_cut_mix_r"
    mixing: MixingSettings = MixingSettings()
    pair_seed: int = Field(default=0, ge=0)
    max_items: int | None = Field(default=None, ge=2)

    @field_validator("weights")
    @classmethod
    def _different(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if len({f"{weight:g}" for weight in weights}) != len(weights):
            raise ValueError("different values")
        return weights
