"""Scenes of a store that are found by any one modality of a scene, and the query's objects in them.

This is what CrossOver is for: the two steps of the paper's first figure.

Shape legend: O objects of all scans, D width of the shared space.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from concord3d.batches.scan_masks import ScanMasks
from concord3d.batches.scan_objects import EncodedScans, ScanObjectData
from concord3d.batches.scan_scenes import ScanSceneData, SceneView, shown_scans
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConfigError, nearest
from concord3d.features.encode.task import EncodeTask
from concord3d.features.open_clip_adapter import resolve_device
from concord3d.features.scan_features import ScanFeatures, ScanPictures, ScanPoints, ScanTexts, identity_arrays
from concord3d.features.scan_files import ScanFiles
from concord3d.features.tower import TowerWeightsMissing
from concord3d.measures.scene_localisation import find_scenes, localise
from concord3d.methods.interface import saved_module
from concord3d.models.scan_encoder_forms import OBJECT_MODALITIES
from concord3d.protocols.evaluation.feature_memo import FeatureMemo
from concord3d.protocols.evaluation.scan_vectors import ObjectVectors, ScanEncoding
from concord3d.queries.answers import Answer, FoundObject, FoundScene
from concord3d.queries.given_scene import GivenScene

# Which features each modality of a query is made of, as fields of ScanFiles.
_MADE_OF = {"image": "pictures", "floorplan": "pictures", "referral": "texts", "point": "points"}
_MAP = "point"
_BATCH = 4


@dataclass(frozen=True)
class StoredScene:
    """A scan of the store as a query.

    Attributes:
        name: Its identifier.
        modality: Which of its modalities is given.
    """

    name: str
    modality: str


Query = GivenScene | StoredScene


@dataclass(frozen=True)
class EncoderFiles:
    """How features of a store were made, which those of a query are made by, too.

    Attributes:
        params: Parameters of :class:`concord3d.features.encode.task.EncodeTask`.
        inputs: Its files without the store.
        features: What was made of the store.
    """

    params: Mapping[str, Any]
    inputs: Mapping[str, Sequence[Path]]
    features: Path


@dataclass(frozen=True)
class SearchFiles:
    """A training, and a store as its frozen encoders see it.

    Attributes:
        run: Resolved configuration of the training.
        module: Its saved module: ``scenes`` of ``crossover_scene``, or ``objects``, which has scans by the averages of
            their objects.
        weights: File of the module.
        store: File of the scans that are searched.
        encoders: What frozen encoders make of them, and how: ``pictures``, ``texts`` and ``points``.
    """

    run: Mapping[str, Any]
    module: str
    weights: Path
    store: Path
    encoders: Mapping[str, EncoderFiles]


class _Asked(NamedTuple):
    """A query in the shared space: its scan, that scan's vectors, and its row among them."""

    scan: Scan
    encoding: ScanEncoding
    row: int
    objects: str


@dataclass(frozen=True)
class SearchedScans:
    """Scans that can be asked for by one modality.

    Attributes:
        encoding: The scans and the module that encodes them.
        encoders: See :class:`SearchFiles`.
        device: ``cpu`` or ``cuda``.
        weights_folder: Where weights of frozen encoders may lie besides the installed packages.

    Example:
        >>> from concord3d.queries.given_scene import of_sentence
        >>> def lamps(files: SearchFiles) -> Answer:
        ...     return SearchedScans.open(files).answer(of_sentence("two lamps beside a bed"), count=3)
    """

    encoding: ScanEncoding
    encoders: Mapping[str, EncoderFiles]
    device: str
    weights_folder: Path | None = None

    @classmethod
    def open(cls, files: SearchFiles, device: str = "auto", weights_folder: Path | None = None) -> SearchedScans:
        """Open a store and a module.

        Args:
            files: Where they lie.
            device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
            weights_folder: See above.

        Raises:
            UnreadableFile: A file is absent, damaged, or holds features of other scans.
            CheckpointCorrupt: The weights cannot be read or do not fit.
        """
        place = str(resolve_device(device))
        settings = files.run["data"]
        view = SceneView.of_settings(settings) if "num_pictures" in settings else SceneView(1)
        features = ScanFiles(**{name: encoder.features for name, encoder in files.encoders.items()})
        data = shown_scans(ScanSplit.load(files.store), features, view)
        module = saved_module(files.run, files.module, files.weights).eval().to(place)
        encoding = ScanEncoding(module, data, torch.device(place), _BATCH, FeatureMemo(), str(files.weights))
        return cls(encoding, files.encoders, place, weights_folder)

    def answer(self, query: Query, among: str = _MAP, count: int = 4) -> Answer:
        """Find the scans that are closest to a query, and then its objects in the first of them.

        Objects are searched in the modality of the scans, or as points where objects do not have it.

        Args:
            query: One modality of a scene: see :mod:`concord3d.queries.given_scene`, or a scan of the store.
            among: Modality of the scans: ``point``, the paper's map, ``image``, ``referral``, ``floorplan``, or
                ``fused``, all that is known of their objects.
            count: Scans to return, fewer where fewer have the modality.

        Raises:
            ConfigError: The module does not know a modality, there is no such scan, or it lacks the modality.
            TowerWeightsMissing: An encoder that the query needs does not run here.
            EvaluationError: No scan has the modality that is searched.
        """
        if count < 1:
            raise ConfigError("At least one scan is to be found", expected="1 or more", found=count)
        _require(among, self._modalities, "scans that are searched")
        asked = self._asked(query)
        vector = self._vector(asked, query.modality)
        searched = self.encoding.scenes([among])
        found = find_scenes(searched.vectors[among], searched.present[among], vector, count)
        split = self.encoding.split
        scans = tuple(split.scan(int(row)) for row in found.rows)
        objects_among = among if among in OBJECT_MODALITIES else _MAP
        return Answer(
            query.modality,
            among,
            int(searched.present[among].sum()),
            tuple(
                FoundScene(scan.name, scan.space, scan.scene_type, float(score))
                for scan, score in zip(scans, found.scores, strict=True)
            ),
            asked.objects,
            objects_among,
            self._objects(asked, query.modality, int(found.rows[0]), objects_among),
            asked.scan,
            scans,
        )

    @property
    def _modalities(self) -> tuple[str, ...]:
        """What the module knows of scans."""
        module: Any = self.encoding.module
        if self.encoding.encodes_scans:
            return tuple(module.modalities)
        return (*module.modalities, *(["floorplan"] if hasattr(module, "pictures") else []))

    def _asked(self, query: Query) -> _Asked:
        _require(query.modality, self._modalities, "the query")
        if isinstance(query, GivenScene):
            return _Asked(query.scan, self._of_given(query), 0, query.objects)
        names = self.encoding.split.names
        if query.name not in names:
            raise ConfigError(
                f"There is no scan '{query.name}'{nearest(query.name, names)}",
                where=f"{self.encoding.split.dataset}/{self.encoding.split.split}",
                expected=f"one of {len(names)} scans, such as '{names[0]}'",
                found=query.name,
            )
        row = names.index(query.name)
        told = "those of the scan" if query.modality in OBJECT_MODALITIES else "none, for objects are not known by it"
        return _Asked(self.encoding.split.scan(row), self.encoding, row, told)

    def _vector(self, asked: _Asked, modality: str) -> Any:
        known = asked.encoding.scenes([modality])
        if not known.present[modality][asked.row]:
            raise ConfigError(
                f"Of '{asked.scan.name}' the modality '{modality}' is missing",
                where=asked.encoding.split.dataset,
                next_step="give another modality, or another scan",
            )
        return known.vectors[modality][asked.row]

    def _of_given(self, query: GivenScene) -> ScanEncoding:
        """Return a scene that is in no store as the frozen encoders see it."""
        split, stored = query.split, self.encoding.data.objects.sets[0]
        scans = EncodedScans(
            split,
            _missing(ScanPictures, split, stored.pictures),
            _missing(ScanTexts, split, stored.texts),
            _missing(ScanPoints, split, stored.points),
        )
        made_of = _MADE_OF[query.modality]
        made: dict[str, Any] = {made_of: self._encoded(split, made_of, type(getattr(scans, made_of)))}
        objects = ScanObjectData((replace(scans, **made),), ScanMasks.none(1))
        view = replace(self.encoding.data.view, num_pictures=split.key_frames.shape[1])
        return replace(self.encoding, data=ScanSceneData(objects, view), memo=FeatureMemo())

    def _encoded(self, split: ScanSplit, made_of: str, kind: type[ScanFeatures]) -> ScanFeatures:
        """Return what the step that encodes stores makes of a split."""
        files = self.encoders[made_of]
        if files.params.get("given") is not None:
            raise TowerWeightsMissing(
                f"'{files.params['encoder']}' does not run here, so a query cannot be encoded",
                where=files.params["given"],
                expected="features of the scans of the store alone, which are given as files",
                next_step="ask by a scan of the store, or by a modality that another encoder sees",
            )

        def opened(opening: Callable[..., Any], *told: Hashable) -> Any:
            return opening(*told, self.device, self.weights_folder)

        with tempfile.TemporaryDirectory() as folder:
            store, out = Path(folder, "query.npz"), Path(folder, "features.npz")
            split.save(store)
            task = EncodeTask({"scans": [store], **files.inputs}, [out], files.params, opened, Path(folder, "shards"))
            import_module(f"concord3d.features.encode.{files.params['kind']}").encode(task)
            return kind.read(out, split)

    def _objects(self, asked: _Asked, modality: str, row: int, among: str) -> tuple[FoundObject, ...]:
        """Return the closest object of a scan for each of the query's objects."""
        known, searched = asked.encoding.objects(), self.encoding.objects()
        if modality not in known.vectors or among not in searched.vectors:
            return ()
        own = known.scan(asked.row)
        rows = np.flatnonzero(own.present[modality]).tolist()
        return _found_objects(searched, row, among, own.vectors[modality][rows], [own.names[each] for each in rows])


def _found_objects(
    searched: ObjectVectors, row: int, among: str, queries: Any, names: Sequence[str]
) -> tuple[FoundObject, ...]:
    scan, objects = searched.split.scan(row), searched.scan(row)
    matched = localise(queries, objects.vectors[among], objects.present[among])
    return tuple(
        FoundObject(
            name,
            int(objects.ids[found]),
            objects.names[found],
            tuple(scan.locations[found, :3].tolist()),
            tuple(scan.locations[found, 3:].tolist()),
            float(score),
        )
        for name, found, score in zip(names, matched.rows.tolist(), matched.scores, strict=True)
        if found >= 0
    )


AnyFeatures = TypeVar("AnyFeatures", ScanPictures, ScanTexts, ScanPoints)


def _missing(kind: type[AnyFeatures], split: ScanSplit, like: AnyFeatures) -> AnyFeatures:
    """Return features as wide as others, of which none is there."""
    arrays: dict[str, Any] = {}
    for name, rows in kind.ROWS.items():
        count = len(split) if rows == "scans" else len(split.object_ids)
        values: NDArray[np.float32] = getattr(like, name)
        shape = (count, *((split.key_frames.shape[1],) if values.ndim == 3 else ()), values.shape[-1])
        arrays[name], arrays[f"has_{name}"] = np.zeros(shape, np.float32), np.zeros(shape[:-1], np.bool_)
    return kind(**identity_arrays(split), **arrays)


def _require(modality: str, known: Sequence[str], what: str) -> None:
    if modality not in known:
        raise ConfigError(
            f"The module does not know the modality '{modality}' of {what}{nearest(modality, list(known))}",
            expected=", ".join(known),
            found=modality,
        )
