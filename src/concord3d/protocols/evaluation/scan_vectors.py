"""What a trained encoder makes of the tested scans and of their objects, computed once for all protocols of a job.

Shape legend: S scans, O objects of all scans behind one another, N objects of one scan, K pictures of a scan, D width
of the vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.batches.scan_objects import ScanObjectBatch
from concord3d.batches.scan_scenes import ScanSceneBatch, ScanSceneData, SceneView, shown_scans
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import EvaluationError
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES
from concord3d.protocols.evaluation.feature_memo import FeatureMemo
from concord3d.protocols.evaluation.scan_outcomes import ScanSettings

if TYPE_CHECKING:
    from concord3d.protocols.evaluation.job import EvaluationJob

_PLAN = "floorplan"
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]


class ScanObjects(NamedTuple):
    """The objects of one scan.

    Attributes:
        ids: (N,) int64 identifiers in the scan.
        labels: (N,) int64 classes, -1 for none.
        names: N labels in the annotator's words.
        vectors: (N, D) by modality; zeros where missing.
        present: (N,) by modality.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: Sequence[str]
    vectors: Mapping[str, Vectors]
    present: Mapping[str, Mask]


@dataclass(frozen=True)
class ObjectVectors:
    """The objects of all scans.

    Attributes:
        split: The scans.
        vectors: (O, D) float32 by modality; zeros where missing.
        present: (O,) bool by modality.
    """

    split: ScanSplit
    vectors: Mapping[str, Vectors]
    present: Mapping[str, Mask]

    def scan(self, row: int) -> ScanObjects:
        """Return the objects of one scan."""
        rows = slice(*self.split.object_offsets[row : row + 2].tolist())
        return ScanObjects(
            self.split.object_ids[rows],
            self.split.labels[rows],
            self.split.object_names[rows],
            {name: vectors[rows] for name, vectors in self.vectors.items()},
            {name: mask[rows] for name, mask in self.present.items()},
        )

    def averages(self) -> SceneVectors:
        """Return the mean of the vectors of each scan's objects, not made unit vectors again (CrossOver spec 6)."""
        of_scan = np.repeat(np.arange(len(self.split)), np.diff(self.split.object_offsets))
        found, present = {}, {}
        for name, mask in self.present.items():
            sums = np.zeros((len(self.split), self.vectors[name].shape[1]))
            np.add.at(sums, of_scan[mask], self.vectors[name][mask])
            counts = np.bincount(of_scan[mask], minlength=len(self.split))
            found[name] = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
            present[name] = counts > 0
        return SceneVectors(found, present)


@dataclass(frozen=True)
class SceneVectors:
    """All scans.

    Attributes:
        vectors: (S, D) float32 by modality; zeros where missing.
        present: (S,) bool by modality.
    """

    vectors: Mapping[str, Vectors]
    present: Mapping[str, Mask]


class _Encoded(NamedTuple):
    """What decides vectors, besides the architecture, which all protocols of one job share."""

    weights: str
    dataset: str
    what: str
    view: SceneView
    modality: str


@dataclass(frozen=True)
class ScanEncoding:
    """The tested scans of a job and the module that encodes them.

    It is a :class:`concord3d.models.scene_encoder.SceneEncoder` with an encoder of objects inside, or an encoder of
    objects: :class:`concord3d.models.instance_encoder.InstanceEncoder`, of which ``form`` says what it knows, or
    :class:`concord3d.features.object_projections.ObjectProjections`, which knows all modalities.

    Attributes:
        module: In evaluation mode, on ``device``.
        data: The scans with what frozen encoders make of them.
        device: Torch device.
        batch_size: Scans per forward pass.
        memo: Vectors that other protocols of the job computed.
        weights: Digest of the module's weights.
    """

    module: nn.Module
    data: ScanSceneData
    device: torch.device
    batch_size: int
    memo: FeatureMemo
    weights: str

    @property
    def split(self) -> ScanSplit:
        """The scans."""
        return self.data.objects.sets[0].split

    @property
    def encodes_scans(self) -> bool:
        """Whether the module is one of scans; the vector of a scan is else the mean of its objects' vectors."""
        return hasattr(self.module, "encode")

    def showing(self, num_pictures: int) -> ScanEncoding:
        """Return the same with another number of pictures of each scan.

        Raises:
            ConfigError: So many are not stored.
        """
        data = replace(self.data, view=replace(self.data.view, num_pictures=num_pictures))
        data.validated()
        return replace(self, data=data)

    def objects(self) -> ObjectVectors:
        """Return the vectors of all objects.

        Raises:
            EvaluationError: Vectors that are not finite.
        """
        instance: Any = self.module.instance if self.encodes_scans else self.module

        def encode(batch: ScanObjectBatch) -> dict[str, tuple[Tensor, Tensor]]:
            vectors = instance(batch.features, batch.present, batch.locations)
            return {name: (found[batch.valid], batch.present[name][batch.valid]) for name, found in vectors.items()}

        names = [name for name in OBJECT_MODALITIES if name in instance.modalities]
        found = self._found("objects", names, lambda: self._encoded(self._objects(), encode))
        return ObjectVectors(self.split, *found)

    def scenes(self, modalities: Sequence[str] | None = None) -> SceneVectors:
        """Return the vectors of all scans.

        Which scans have a modality does not depend on the module, so that all modules are tested on the same scans: a
        scan has pictures if it has key frames, whether or not an object is seen in them. Where the vector of a scan is
        made of objects of which none has the modality, it is zero.

        Args:
            modalities: Those that are wanted; None takes all.

        Raises:
            EvaluationError: Vectors that are not finite.
        """
        if not self.encodes_scans:
            return self._averages()
        module: Any = self.module
        names = [name for name in module.modalities if modalities is None or name in modalities]

        def encode(batch: ScanSceneBatch) -> dict[str, tuple[Tensor, Tensor]]:
            present = {**module.present(batch), **modalities_of_scans(batch)}
            return {name: (module.encode(name, batch), present[name]) for name in names}

        return SceneVectors(*self._found("scenes", names, lambda: self._encoded(self._scenes(), encode)))

    def pictures(self) -> tuple[Vectors, Mask]:
        """Return (S, K, D) vectors of scans of which one picture alone is seen, and (S, K) which there are.

        Raises:
            EvaluationError: The module knows no pictures of scans, or vectors are not finite.
        """
        module: Any = self.module
        if not self.encodes_scans or module.form.fused_only:
            raise EvaluationError(
                "This module encodes no pictures of whole scans",
                where=self.split.dataset,
                expected="an encoder of scans with the modality 'image'",
                found=type(module).__name__,
                next_step="leave the experiment out of this protocol",
            )
        names = [f"picture {number}" for number in range(self.data.view.num_pictures)]

        def encode(batch: ScanSceneBatch) -> dict[str, tuple[Tensor, Tensor]]:
            found = {}
            for number, name in enumerate(names):
                alone = torch.zeros_like(batch.has_pictures)
                alone[:, number] = batch.has_pictures[:, number]
                seen = replace(batch, has_pictures=alone)
                found[name] = (module.encode("image", seen), batch.has_pictures[:, number])
            return found

        vectors, present = self._found("scenes", names, lambda: self._encoded(self._scenes(), encode))
        return np.stack(list(vectors.values()), axis=1), np.stack(list(present.values()), axis=1)

    def _averages(self) -> SceneVectors:
        """Return averages of objects; a floorplan is a picture like any other, where the module encodes pictures."""
        module: Any = self.module
        averages = self.objects().averages()
        knows_pictures = "image" in averages.vectors and hasattr(module, "pictures")

        def encode(batch: ScanSceneBatch) -> dict[str, tuple[Tensor, Tensor]]:
            there = modalities_of_scans(batch)
            found = {name: (torch.zeros(len(mask), 1, device=mask.device), mask) for name, mask in there.items()}
            return {**found, **({_PLAN: (module.pictures(batch.floorplan), there[_PLAN])} if knows_pictures else {})}

        names = ("image", "point", "referral", _PLAN)
        vectors, there = self._found("scans", names, lambda: self._encoded(self._scenes(), encode))
        known = {**averages.vectors, **({_PLAN: vectors[_PLAN]} if knows_pictures else {})}
        return SceneVectors(known, {name: ({**averages.present, **there})[name] for name in known})

    def _units(self) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(self.data), self.batch_size):
            yield np.arange(start, min(start + self.batch_size, len(self.data)))

    def _scenes(self) -> Iterator[ScanSceneBatch]:
        # One generator per batch: what is drawn of a scan does not depend on what was read before.
        for units in self._units():
            yield self.data.read(units, torch.Generator().manual_seed(int(units[0]))).to(self.device)

    def _objects(self) -> Iterator[ScanObjectBatch]:
        for units in self._units():
            yield self.data.objects.read(units, torch.Generator()).to(self.device)

    def _encoded(
        self, batches: Iterator[Any], encode: Callable[[Any], dict[str, tuple[Tensor, Tensor]]]
    ) -> dict[str, Vectors]:
        """Return vectors by modality, NaN where missing."""
        parts: dict[str, list[Vectors]] = {}
        with torch.inference_mode():
            for batch in batches:
                for name, (vectors, present) in encode(batch).items():
                    if not bool(torch.isfinite(vectors[present]).all()):
                        raise EvaluationError(
                            f"Vectors of '{name}' are not finite",
                            where=self.split.dataset,
                            next_step="check the weights and the training history for divergence",
                        )
                    shown = torch.where(present[:, None], vectors, torch.full_like(vectors, torch.nan))
                    parts.setdefault(name, []).append(shown.float().cpu().numpy())
        return {name: np.concatenate(found) for name, found in parts.items()}

    def _found(
        self, what: str, names: Sequence[str], encoded: Callable[[], dict[str, Vectors]]
    ) -> tuple[dict[str, Vectors], dict[str, Mask]]:
        """Return vectors, zeros where missing, and masks, by modality; computed together if one was not before."""
        fresh: dict[str, Vectors] = {}

        def extract(name: str) -> Vectors:
            if not fresh:
                fresh.update(encoded())
            return fresh[name]

        vectors, present = {}, {}
        for name in names:
            key = _Encoded(self.weights, self.split.dataset, what, self.data.view, name)
            stored = self.memo.get(key, partial(extract, name))
            present[name] = np.asarray(~np.isnan(stored).any(axis=1))
            vectors[name] = np.where(present[name][:, None], stored, np.float32(0))
        return vectors, present


def modalities_of_scans(batch: ScanSceneBatch) -> dict[str, Tensor]:
    """Return (B,) by modality of whole scans: which scans have it."""
    return {
        "image": batch.has_pictures.any(dim=1),
        "point": batch.has_points,
        "referral": batch.has_referral,
        _PLAN: batch.has_floorplan,
    }


def scan_encoding(job: EvaluationJob, settings: ScanSettings) -> ScanEncoding:
    """Open the tested scans of a job and the module that encodes them.

    Args:
        job: The job.
        settings: Settings of the protocol.

    Raises:
        EvaluationError: The tested split holds no scans, or the job has no features of them.
        UnreadableFile: Features are absent, damaged or of other scans.
        CheckpointCorrupt: The weights cannot be read or do not fit.
    """
    split = tested_scans(job)
    if job.scan_files is None:
        raise EvaluationError(f"Protocol '{job.protocol}' needs features of scans", where=job.out, found=None)
    data_settings = job.run_config["data"]
    view = SceneView.of_settings(data_settings) if "num_pictures" in data_settings else SceneView(1)
    if settings.annotated_only is not None:
        view = replace(view, annotated_only=settings.annotated_only)
    memo, device = job.memo or FeatureMemo(), torch.device(job.torch_device)
    data = shown_scans(split, job.scan_files, view)
    module = job.load_module().eval().to(device)
    return ScanEncoding(module, data, device, settings.batch_size, memo, memo.digest(job.model_path))


def tested_scans(job: EvaluationJob) -> ScanSplit:
    """Return the tested split of a job.

    Raises:
        EvaluationError: It holds no scans.
    """
    if not isinstance(job.test, ScanSplit):
        raise EvaluationError(f"Protocol '{job.protocol}' needs scans", where=job.out, found=type(job.test).__name__)
    return job.test
