"""What is common to all readers: their work is compared with the catalogue, whatever kind of store they yield."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from concord3d.data import reading
from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.readers.interface import Census, Reader, Reading
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.errors import BadCloud, ConfigError, UnreadableFile, WrongRelease


@dataclass
class Streets(Reader):
    """Two sweeps of three and five points, and what a test changes of them."""

    kind = "sweeps"
    has_labels = False

    label: int = 1
    far: float = 1.0
    stated: tuple[str, ...] = ()
    num_points: int | None = None

    def read(self, spec: DatasetSpec, root: Path, split: str, data_kind: str, num_points: int | None = None) -> Reading:
        points = np.full((8, 4), self.far, np.float32)
        labels = np.array([-1, 0, 1, 0, 0, 0, 0, self.label])
        offsets = np.array([0, 3, 8])
        store = SweepSplit(spec.id, split, data_kind, offsets, points, (), ("a", "b"), labels)
        return Reading(store, "float32", self.num_points, self.stated)

    def census(self, spec: DatasetSpec, root: Path, split: str) -> Census:
        return Census(2, 4 if split == "train" else self.num_points, "float32")


@pytest.fixture
def spec(repository: Path) -> DatasetSpec:
    known = load_catalog(repository / "datasets" / "datasets.yaml")["modelnet40"]
    release = known.releases[0].model_copy(update={"counts": {"train": 2, "test": 2}, "num_points": None})
    changes = {"id": "streets", "class_names": ("road", "car"), "releases": [release], "max_radius": 10.0}
    return known.model_copy(update=changes)


def use(monkeypatch: pytest.MonkeyPatch, reader: Reader) -> None:
    monkeypatch.setattr(reading, "find_reader", lambda name: reader)


def test_sweeps_are_read_and_checked(tmp_path: Path, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Streets())
    store = read_split(spec, tmp_path, "train", "real")
    assert isinstance(store, SweepSplit) and store.class_names == ("road", "car")
    assert len(store) == 2 and store.sweep(1).points.shape == (5, 4)
    use(monkeypatch, Streets(label=2))
    with pytest.raises(WrongRelease, match="-1 to 1"):
        read_split(spec, tmp_path, "train", "real")
    use(monkeypatch, Streets(far=11.0))
    with pytest.raises(WrongRelease, match="too far"):
        read_split(spec, tmp_path, "train", "real")
    use(monkeypatch, Streets(far=np.nan))
    with pytest.raises(BadCloud, match=str(tmp_path)):
        read_split(spec, tmp_path, "train", "synthetic")
    use(monkeypatch, Streets())
    with pytest.raises(ConfigError, match="keep all their points"):
        read_split(spec, tmp_path, "train", "real", 2)


def test_the_number_of_sweeps_must_be_that_of_a_release(
    tmp_path: Path, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Streets())
    release = spec.releases[0].model_copy(update={"counts": {"train": 3}})
    other = spec.model_copy(update={"releases": [release]})
    with pytest.raises(WrongRelease, match="train 2"):
        read_split(other, tmp_path, "train", "real")
    assert len(read_split(other, tmp_path, "train", "synthetic")) == 2


def test_the_world_may_state_fewer_classes_and_real_data_may_not(
    tmp_path: Path, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Streets(stated=("car", "road")))
    assert read_split(spec, tmp_path, "train", "synthetic").class_names == ("car", "road")
    with pytest.raises(WrongRelease, match="names or order"):
        read_split(spec, tmp_path, "train", "real")
    use(monkeypatch, Streets(stated=("car", "tree")))
    with pytest.raises(WrongRelease, match="car, tree"):
        read_split(spec, tmp_path, "train", "synthetic")
    nameless = spec.model_copy(update={"class_names": ()})
    assert read_split(nameless, tmp_path, "train", "real").class_names == ("car", "tree")


def test_splits_that_differ_in_their_form_are_no_release(
    tmp_path: Path, spec: DatasetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Streets(num_points=4))
    assert recognise(spec, tmp_path).name == spec.releases[0].name
    use(monkeypatch, Streets(num_points=5))
    with pytest.raises(UnreadableFile, match="Splits of one data set differ"):
        recognise(spec, tmp_path)
