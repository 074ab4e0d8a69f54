"""Objects of scans as frozen encoders see them: all of a scan together, or loose ones of any scan (CrossOver spec 1.4).

Shape legend: S scans of all data sets, B units of a batch, N objects of the largest scan in it, O objects of a split, D
width of a modality's features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from concord3d.batches.interface import Batch, IntArray, shuffled
from concord3d.batches.scan_masks import Hidden, ScanMasks
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConfigError
from concord3d.features.scan_features import ScanPictures, ScanPoints, ScanTexts
from concord3d.features.scan_files import ScanFiles
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES

# Identifier and label of what fills up a scan with fewer objects than the largest of a batch.
NO_OBJECT = -100


@dataclass(frozen=True)
class ScanObjectBatch(Batch):
    """The objects of some scans; a loose object is a scan of one.

    Attributes:
        features: (B, N, D) float32 by modality: ``image``, ``point``, ``cad``, ``referral``; zeros where missing.
        present: (B, N) bool by modality.
        locations: (B, N, 6) float32 mean and extents, of ``point`` in the scan, of ``cad`` in the model's own frame.
        labels: (B, N) int64 class index, -1 for none, ``NO_OBJECT`` beyond the scan's objects.
        ids: (B, N) int64 identifiers in the scan, ``NO_OBJECT`` beyond them.
        valid: (B, N) bool, whether there is an object, whatever is known of it.
    """

    features: dict[str, Tensor]
    present: dict[str, Tensor]
    locations: dict[str, Tensor]
    labels: Tensor
    ids: Tensor
    valid: Tensor


@dataclass(frozen=True)
class EncodedScans:
    """One split, with what frozen encoders make of it.

    Attributes:
        split: The scans.
        pictures: Features of their pictures.
        texts: Of their texts.
        points: Of their objects' clouds.
    """

    split: ScanSplit
    pictures: ScanPictures
    texts: ScanTexts
    points: ScanPoints

    @classmethod
    def read(cls, split: ScanSplit, files: ScanFiles) -> EncodedScans:
        """Read the features of a split.

        Raises:
            UnreadableFile: A file is absent, damaged, or holds features of other scans.
        """
        return cls(
            split,
            ScanPictures.read(files.pictures, split),
            ScanTexts.read(files.texts, split),
            ScanPoints.read(files.points, split),
        )

    def objects(self, scan: int) -> slice:
        """Return the rows of a scan's objects."""
        return slice(*self.split.object_offsets[scan : scan + 2].tolist())

    def features(self, modality: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return (O, D) features of objects, and (O,) which are there."""
        holder = {"image": self.pictures, "referral": self.texts}.get(modality, self.points)
        return getattr(holder, modality), getattr(holder, f"has_{modality}")

    @cached_property
    def locations(self) -> dict[str, NDArray[np.float32]]:
        """(O, 6) mean and extents by modality, zeros where there is nothing to measure."""
        found = np.zeros((len(self.split.object_ids), 6), np.float32)
        for row, points in zip(self.split.cad_objects.tolist(), self.split.cad_points, strict=True):
            found[row] = np.concatenate([points.mean(axis=0), np.ptp(points, axis=0)])
        return {"point": self.split.locations, "cad": found}


class _Objects(NamedTuple):
    """Objects that become one row of a batch: of which split, which rows, and what is hidden of them."""

    scans: EncodedScans
    rows: IntArray
    hidden: Hidden


@dataclass(frozen=True)
class ScanObjectData:
    """The objects that a training learns from, scan by scan or one by one.

    Attributes:
        sets: Splits of one or several data sets, behind one another.
        masks: What is hidden of each of their S scans.
        loose: Whether a unit is one object instead of a scan.
    """

    sets: tuple[EncodedScans, ...]
    masks: ScanMasks
    loose: bool = False

    @property
    def unit(self) -> str:
        """``scans`` or ``objects``."""
        return "objects" if self.loose else "scans"

    @cached_property
    def _first(self) -> IntArray:
        """Number of the first scan of each set, and S."""
        return np.cumsum([0, *(len(each.split) for each in self.sets)])

    @cached_property
    def _loose(self) -> IntArray:
        """Scan, counted over all sets, and row in its split, of each object of which anything is known."""
        found = []
        for first, scans in zip(self._first.tolist(), self.sets, strict=False):
            of_scan = np.repeat(np.arange(len(scans.split)), np.diff(scans.split.object_offsets)) + first
            known = np.any([scans.features(modality)[1] for modality in OBJECT_MODALITIES], axis=0)
            found.append(np.stack([of_scan, np.arange(len(of_scan))], axis=1)[known])
        return np.concatenate(found)

    def __len__(self) -> int:
        return len(self._loose) if self.loose else int(self._first[-1])

    @property
    def identity(self) -> str:
        """See :meth:`concord3d.batches.interface.TrainingData.identity`; a workflow knows the files."""
        raise ConfigError("Trainings on scans run within a workflow", where=self.sets[0].split.dataset)

    def order(self, index: IntArray, draw: torch.Generator) -> IntArray:
        """Return an epoch's order."""
        return shuffled(index, draw)

    def place(self, scan: int) -> tuple[EncodedScans, int]:
        """Return the split of a scan that is counted over all sets, and its number there."""
        which = int(np.searchsorted(self._first, scan, side="right")) - 1
        return self.sets[which], scan - int(self._first[which])

    def hidden(self, scans: IntArray, draw: torch.Generator) -> list[Hidden]:
        """Return what is hidden of some scans that are read now."""
        return [self.masks.hidden(scan, draw) for scan in scans.tolist()]

    def read(self, units: IntArray, draw: torch.Generator) -> ScanObjectBatch:
        """Return some scans, or some loose objects as scans of one."""
        if not self.loose:
            return self.of_scans(units, self.hidden(units, draw))
        chosen = self._loose[units]
        hidden = self.hidden(chosen[:, 0], draw)
        return _batch(
            [
                _Objects(self.place(scan)[0], np.array([row]), each)
                for (scan, row), each in zip(chosen.tolist(), hidden, strict=True)
            ]
        )

    def of_scans(self, scans: IntArray, hidden: Sequence[Hidden]) -> ScanObjectBatch:
        """Return some scans.

        Args:
            scans: (B,) numbers over all sets.
            hidden: B sets of modalities that are not shown.
        """
        parts = []
        for scan, each in zip(scans.tolist(), hidden, strict=True):
            encoded, number = self.place(scan)
            rows = encoded.objects(number)
            parts.append(_Objects(encoded, np.arange(rows.start, rows.stop), each))
        return _batch(parts)

    def validated(self) -> None:
        """Check scans, and that all data sets were encoded alike.

        Raises:
            BadCloud: Arrays that do not fit each other, or values that are not finite.
            ConfigError: Features of one modality have different widths, or there is nothing to learn from.
        """
        for each in self.sets:
            each.split.validated()
        for modality in OBJECT_MODALITIES:
            widths = {each.split.dataset: each.features(modality)[0].shape[1] for each in self.sets}
            if len(set(widths.values())) > 1:
                raise ConfigError(f"Features of '{modality}' differ in width", where="data", found=widths)
        if not len(self._loose):
            raise ConfigError("No object of these scans has any modality", where=self.sets[0].split.dataset)


def _batch(parts: Sequence[_Objects]) -> ScanObjectBatch:
    """Return a batch with one row of objects per part."""
    shape = (len(parts), max(1, *(len(part.rows) for part in parts)))
    valid, ids, labels = (
        torch.zeros(shape, dtype=torch.bool),
        torch.full(shape, NO_OBJECT),
        torch.full(shape, NO_OBJECT),
    )
    features, present, locations = dict[str, Tensor](), dict[str, Tensor](), dict[str, Tensor]()
    for modality in OBJECT_MODALITIES:
        features[modality] = torch.zeros(*shape, parts[0].scans.features(modality)[0].shape[1])
        present[modality] = torch.zeros(shape, dtype=torch.bool)
        if modality in parts[0].scans.locations:
            locations[modality] = torch.zeros(*shape, 6)
    for number, (scans, rows, hidden) in enumerate(parts):
        count = len(rows)
        valid[number, :count] = True
        ids[number, :count] = torch.from_numpy(scans.split.object_ids[rows])
        labels[number, :count] = torch.from_numpy(scans.split.labels[rows])
        for modality in OBJECT_MODALITIES:
            if modality in hidden:
                continue
            values, mask = (torch.from_numpy(np.asarray(array[rows])) for array in scans.features(modality))
            features[modality][number, :count], present[modality][number, :count] = values, mask
            if modality in locations:
                measured = torch.from_numpy(scans.locations[modality][rows])
                locations[modality][number, :count] = measured * mask[:, None]
    return ScanObjectBatch(features, present, locations, labels, ids, valid)


def opened_objects(run: Mapping[str, Any], files: Mapping[str, Sequence[Path]], loose: bool) -> ScanObjectData:
    """Open the objects of scans that a training learns from.

    Args:
        run: Resolved configuration; see :class:`concord3d.workflow.training_inputs.scan_objects.ScanSettings`.
        files: ``scans``, ``pictures``, ``texts`` and ``points``, one of each per data set.
        loose: Whether a unit is one object instead of a scan.

    Raises:
        UnreadableFile: A file is absent, damaged, of another kind, or holds features of other scans.
    """
    names = ("scans", *ScanFiles._fields)
    sets = tuple(
        EncodedScans.read(ScanSplit.load(scans), ScanFiles(*features))
        for scans, *features in zip(*(files[name] for name in names), strict=True)
    )
    datasets = [each.split.dataset for each in sets for _ in range(len(each.split))]
    return ScanObjectData(sets, ScanMasks.of_settings(run["data"], datasets), loose)


def opened(run: Mapping[str, Any], settings: Any, files: Mapping[str, Sequence[Path]]) -> ScanObjectData:
    """Open the files of a training; the method's ``loose_objects`` says whether it reads objects one by one.

    Arguments and errors are those of :func:`opened_objects`.
    """
    return opened_objects(run, files, settings.loose_objects)
