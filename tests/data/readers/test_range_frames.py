"""Range images of LiDAR frames, and their returns alone: what is read, and what every damage is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.arrays import write_arrays
from concord3d.data.catalog import DatasetSpec, load_catalog
from concord3d.data.reading import read_split, recognise
from concord3d.data.stores.sweeps import SweepSplit
from concord3d.data.verify import obtain
from concord3d.errors import BadCloud, ConcordError, DatasetMissing, UnreadableFile, WrongRelease

SETS = ("nuscenes_frames", "semantic_kitti_frames")
FOLDERS = {"nuscenes_frames": "nuscenes", "semantic_kitti_frames": "semantic_kitti"}
# Frames of the repository: those to train with, and those beside.
NUMBERS = {"nuscenes_frames": (32, range(25611, 25615)), "semantic_kitti_frames": (21, range(5))}


@pytest.fixture(scope="module")
def catalog(repository: Path) -> dict[str, DatasetSpec]:
    return load_catalog(repository / "datasets" / "datasets.yaml")


@pytest.fixture
def spec(catalog: dict[str, DatasetSpec]) -> DatasetSpec:
    return catalog["nuscenes_frames"]


def image(spec: DatasetSpec, seed: int) -> NDArray[np.float64]:
    """Return a (3, 8, 6) range image with about half of its cells empty, and every label."""
    rng = np.random.default_rng(seed)
    made = np.zeros((3, 8, 6))
    made[..., :3] = rng.uniform(-20, 20, (3, 8, 3))
    made[..., 3] = rng.uniform(0, spec.intensity_range or 1, (3, 8))
    made[..., 4] = np.linalg.norm(made[..., :3], axis=2)
    made[..., 5] = np.resize(np.arange(len(spec.class_names) + 1), (3, 8))
    made[rng.random((3, 8)) < 0.3] = [0, 0, 0, 0, 0, spec.no_class or 0]
    return made


def write_frames(spec: DatasetSpec, root: Path) -> Path:
    """Write all frames of a data set in the layout of the repository; return its folder."""
    folder = root / "dataset_samples" / FOLDERS[spec.id]
    count, others = NUMBERS[spec.id]
    for part, numbers in (("train", range(count)), ("val", others)):
        (folder / part).mkdir(parents=True)
        for number in numbers:
            np.save(folder / part / f"{number}.npy", image(spec, number))
    return folder


def as_returns(folder: Path) -> None:
    """Replace range images by their returns."""
    for path in folder.rglob("*.npy"):
        cells = np.load(path)
        kept = cells[cells[..., 4] > 0]
        np.savez(path.with_suffix(".npz"), points=kept[:, :4].astype(np.float32), label=kept[:, 5].astype(np.uint8))
        path.unlink()


def read(spec: DatasetSpec, root: Path, split: str) -> SweepSplit:
    store = read_split(spec, root, split, "real")
    assert isinstance(store, SweepSplit)
    return store


@pytest.mark.parametrize("name", SETS)
def test_the_first_two_thirds_are_learnt_from_and_the_rest_is_tested(
    catalog: dict[str, DatasetSpec], tmp_path: Path, name: str
) -> None:
    spec = catalog[name]
    write_frames(spec, tmp_path)
    count, others = NUMBERS[name]
    train, test = read(spec, tmp_path, "train"), read(spec, tmp_path, "test")
    first = count * 2 // 3
    assert train.names == tuple(f"train/{number}" for number in range(first))
    assert test.names == (*(f"train/{n}" for n in range(first, count)), *(f"val/{n}" for n in others))
    assert recognise(spec, tmp_path).name == "range_images"


@pytest.mark.parametrize("name", SETS)
def test_returns_are_kept_and_labels_count_the_classes(
    catalog: dict[str, DatasetSpec], tmp_path: Path, name: str
) -> None:
    spec = catalog[name]
    write_frames(spec, tmp_path)
    store = read(spec, tmp_path, "train")
    for row in (0, 7, 13):
        cells = image(spec, row)
        kept = cells[cells[..., 4] > 0]
        sweep = store.sweep(row)
        np.testing.assert_array_equal(sweep.points, kept[:, :4].astype(np.float32))
        words = [None if label == spec.no_class else label for label in range(len(spec.class_names) + 1)]
        classes = {label: number for number, label in enumerate(word for word in words if word is not None)}
        assert sweep.labels is not None and sweep.labels.tolist() == [classes.get(int(k), -1) for k in kept[:, 5]]
    assert 0 <= store.network_points(0)[:, 3].min() <= store.network_points(0)[:, 3].max() <= 1


def test_both_forms_hold_the_same(spec: DatasetSpec, tmp_path: Path) -> None:
    folder = write_frames(spec, tmp_path)
    images = read(spec, tmp_path, "test")
    as_returns(folder)
    returns = read(spec, tmp_path, "test")
    assert recognise(spec, tmp_path).name == "returns"
    assert returns.names == images.names
    for name in ("points", "labels", "offsets"):
        np.testing.assert_array_equal(getattr(returns, name), getattr(images, name))


def changed(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "train" / "4.npy", change(np.load(folder / "train" / "4.npy")))


def in_first_return(channel: int, value: float) -> Callable[[Path], None]:
    def change(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        cells[tuple(np.argwhere(cells[..., 4] > 0)[0])][channel] = value
        return cells

    return changed(change)


def truncate(folder: Path) -> None:
    path = folder / "train" / "4.npy"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (changed(lambda cells: cells[..., :5]), UnreadableFile, r"another shape(.|\n)*4\.npy(.|\n)*\(H, W, 6\)"),
        (changed(lambda cells: cells[0]), UnreadableFile, r"another shape(.|\n)*\(8, 6\)"),
        (truncate, UnreadableFile, r"range image(.|\n)*4\.npy"),
        (in_first_return(0, np.nan), BadCloud, r"not finite(.|\n)*4\.npy(.|\n)*1 of"),
        (in_first_return(4, np.inf), BadCloud, r"not finite(.|\n)*4\.npy"),
        (in_first_return(5, np.nan), BadCloud, r"not finite(.|\n)*4\.npy"),
        (in_first_return(5, 11), WrongRelease, r"no class(.|\n)*4\.npy(.|\n)*0 to 10(.|\n)*11"),
        (in_first_return(5, 1.5), WrongRelease, r"no class(.|\n)*1\.5"),
        (in_first_return(5, -1), WrongRelease, r"no class(.|\n)*-1"),
        (changed(lambda cells: 0 * cells), BadCloud, r"no return(.|\n)*4\.npy"),
        (lambda folder: (folder / "train" / "4.npy").unlink(), WrongRelease, r"train 20"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.npy")], DatasetMissing, r"nuscenes_frames/train"),
        (lambda folder: np.savez(folder / "train" / "5.npz", points=1), WrongRelease, r"several forms"),
    ],
)  # fmt: skip
def test_damages_are_named(
    spec: DatasetSpec, tmp_path: Path, damage: Callable[[Path], None], kind: type[ConcordError], message: str
) -> None:
    folder = write_frames(spec, tmp_path)
    damage(folder)
    with pytest.raises(kind, match=message):
        read(spec, tmp_path, "train")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.zeros((3, 4))}, r"lacks an array(.|\n)*label"),
        ({"points": np.zeros((3, 5)), "label": np.zeros(3)}, r"another shape(.|\n)*\(P, 4\)"),
        ({"points": np.zeros((3, 4)), "label": np.zeros(2)}, r"another shape"),
    ],
)
def test_damages_of_returns_are_named(
    spec: DatasetSpec, tmp_path: Path, arrays: dict[str, NDArray[np.float64]], message: str
) -> None:
    folder = write_frames(spec, tmp_path)
    as_returns(folder)
    write_arrays(folder / "train" / "4.npz", arrays)
    with pytest.raises(UnreadableFile, match=message):
        read(spec, tmp_path, "train")


@pytest.mark.parametrize("name", SETS)
def test_real_frames_are_obtained_from_the_mirror(
    mirror: Path, catalog: dict[str, DatasetSpec], tmp_path: Path, name: str
) -> None:
    spec = catalog[name]
    if not (mirror / "lidar_frames").is_dir():
        pytest.skip(f"the development data mirror {mirror} has no LiDAR frames")
    assert obtain(spec, tmp_path, [str(mirror)]).name == "returns"
    train = read(spec, tmp_path, "train")
    assert len(train) == spec.releases[0].counts["train"]
    sizes = np.diff(train.offsets)
    low, high = {"nuscenes_frames": (25_000, 26_700), "semantic_kitti_frames": (49_400, 51_800)}[name]
    assert low < sizes.min() <= sizes.max() < high
    assert train.labels is not None and train.intensity_range is not None
    names = np.array(train.class_names)
    seen = names[np.unique(train.labels[train.labels >= 0])]
    assert {"road", "car", "vegetation", "person"} <= set(seen)
    # The road lies below the LiDAR, and intensities fill the range that the catalogue says.
    road = train.points[train.labels == train.class_names.index("road")]
    assert -2.3 < np.median(road[:, 2]) < -1.4
    assert 0.9 < train.points[:, 3].max() / train.intensity_range <= 1
