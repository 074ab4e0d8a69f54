"""Objects: valid, labelled, varied, and the same bytes in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.made import open_edges, volume

import concord3d
from concord3d.errors import ConfigError
from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.world.objects.categories.style import Style
from concord3d.world.objects.contact_sheet import contact_sheet
from concord3d.world.objects.generation import (
    CATEGORIES,
    COMMON_CATEGORIES,
    GENERATORS,
    HEADINGS,
    Variation,
    WorldObject,
    generate,
)

MODELNET40 = [
    "airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone",
    "cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard",
    "lamp", "laptop", "mantel", "monitor", "night_stand", "person", "piano", "plant", "radio",
    "range_hood", "sink", "sofa", "stairs", "stool", "table", "tent", "toilet", "tv_stand", "vase",
    "wardrobe", "xbox",
]  # fmt: skip
SCANOBJECTNN = [
    "bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table", "bed",
    "pillow", "sink", "sofa", "toilet",
]  # fmt: skip
STREETS_AND_PHOTOS = [
    "bicycle", "motorcycle", "traffic_sign", "trash_container", "banana", "donut", "hydrant", "skateboard",
    "stop_sign", "teddy_bear", "umbrella", "truck", "bus", "trailer", "construction_vehicle", "barrier", "tree",
]  # fmt: skip
COMMON_STYLE = {"heading_deg", "stretch_x", "stretch_y", "stretch_z", "taper", "bend", "twist_deg"}


def fingerprint(made: WorldObject) -> str:
    digest = hashlib.sha256()
    for array in (made.mesh.vertices, made.mesh.faces, made.mesh.face_colors, made.mesh.face_parts):
        assert array is not None
        digest.update(array.tobytes())
    digest.update(repr((made.part_names, made.style, made.captions)).encode())
    return digest.hexdigest()


def check(made: WorldObject) -> None:
    mesh = made.mesh.validated()
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int32
    assert mesh.face_colors is not None and mesh.face_parts is not None
    assert mesh.face_colors.shape == (len(mesh.faces), 3) and mesh.face_colors.dtype == np.uint8
    assert mesh.face_parts.shape == (len(mesh.faces),) and mesh.face_parts.dtype == np.int32
    assert set(mesh.face_parts.tolist()) == set(range(len(made.part_names)))
    assert 200 <= len(mesh.faces) <= 4400
    assert mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-5)
    extent = np.ptp(mesh.vertices, axis=0)
    assert (extent > 1e-3).all() and extent.max() < 80
    assert all(isinstance(value, float | int | str) for value in made.style.values())


def test_the_64_categories() -> None:
    """The order of the first 47 decides the bytes of every data set that holds them."""
    assert [*COMMON_CATEGORIES] == [*MODELNET40, *(name for name in SCANOBJECTNN if name not in MODELNET40)]
    assert len(CATEGORIES) == 64 and [*CATEGORIES] == [*COMMON_CATEGORIES, *STREETS_AND_PHOTOS]
    assert set(HEADINGS) <= set(CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_is_valid_and_varied(category: str) -> None:
    objects = [generate(category, index, 3) for index in range(10)]
    for made in objects:
        check(made)
        assert len(set(made.style) - COMMON_STYLE) >= 5
    assert max(len(made.part_names) for made in objects) >= 2
    boxes = np.array([np.ptp(made.mesh.vertices, axis=0) for made in objects])
    shapes = boxes / boxes.max(axis=1, keepdims=True)
    assert shapes.std(axis=0).max() > 0.02
    assert np.log(boxes).std(axis=0).min() > 0.01
    assert len({len(made.mesh.faces) for made in objects}) >= 3
    assert len({str(made.style["variant"]) for made in objects}) >= 2
    assert len({made.mesh.vertices.tobytes() for made in objects}) == len(objects)


@pytest.mark.parametrize("category", STREETS_AND_PHOTOS)
def test_pieces_are_solids_with_their_faces_outwards(category: str) -> None:
    """Scans and pictures see a piece from any side, so none may be open or inside out."""
    for seed in range(25):
        for part, _, shape in GENERATORS[category](Style(np.random.default_rng([seed, 4]))).pieces:
            assert volume(shape) > 0, part
            assert open_edges(shape) == 0, part


def test_wheels_turn_about_x_and_stand_on_the_floor() -> None:
    """Bicycles and motorcycles ride towards +z: two wheels before each other, thin across."""
    for category in ("bicycle", "motorcycle"):
        for index in range(8):
            made = generate(category, index, 5, Variation(spread=0.0))
            assert made.mesh.face_parts is not None
            wheels = made.mesh.vertices[made.mesh.faces[made.mesh.face_parts == made.part_names.index("wheel")]]
            points = wheels.reshape(-1, 3)
            width, height, length = np.ptp(points, axis=0)
            assert width < 0.5 * height < 0.5 * length
            assert points[:, 1].min() == pytest.approx(0, abs=0.01)
            middle = (points[:, 2].min() + points[:, 2].max()) / 2
            gap = np.abs(points[:, 2] - middle).min()
            assert gap > 0.05 * length, "two wheels, with a gap between them"
            saddle = made.mesh.vertices[made.mesh.faces[made.mesh.face_parts == made.part_names.index("seat")]]
            bars = made.mesh.vertices[made.mesh.faces[made.mesh.face_parts == made.part_names.index("handlebar")]]
            assert saddle[..., 2].mean() < middle < bars[..., 2].mean()


@pytest.mark.parametrize(
    ("category", "before", "behind"),
    [("truck", "cab", "cargo"), ("bus", "sign", "wheel"), ("trailer", "coupling", "light")],
)
def test_lorries_drive_towards_the_front(category: str, before: str, behind: str) -> None:
    seen = 0
    for index in range(16):
        made = generate(category, index, 6, Variation(spread=0.0))
        assert made.mesh.face_parts is not None
        middle = {
            part: float(made.mesh.vertices[made.mesh.faces[made.mesh.face_parts == number], 2].mean())
            for number, part in enumerate(made.part_names)
        }
        length, height = np.ptp(made.mesh.vertices[:, 2]), np.ptp(made.mesh.vertices[:, 1])
        assert length > 0.9 * height
        if {before, behind} <= set(middle):
            seen += 1
            assert middle[before] > middle[behind] + 0.2 * length
    assert seen >= 4


@pytest.mark.parametrize("category", ["traffic_sign", "stop_sign"])
def test_what_a_sign_says_faces_the_front(category: str) -> None:
    for index in range(8):
        made = generate(category, index, 6, Variation(spread=0.0))
        assert made.mesh.face_parts is not None
        depth = {}
        for number, part in enumerate(made.part_names):
            depth[part] = float(made.mesh.vertices[made.mesh.faces[made.mesh.face_parts == number], 2].max())
        assert depth["symbol"] > depth["plate"] > depth["post"] - 0.03


def test_captions_of_signs_tell_their_kind() -> None:
    texts = [generate("traffic_sign", index, 0).captions.descriptive for index in range(20)]
    assert all(text.count("traffic sign") for text in texts)
    assert {"triangle", "disc", "rectangle"} <= {text.split(" of the ")[1].split(" kind")[0] for text in texts}


@given(category=st.sampled_from(CATEGORIES), index=st.integers(0, 10**6), seed=st.integers(0, 2**40))
@settings(max_examples=80)
def test_any_index_and_seed(category: str, index: int, seed: int) -> None:
    check(generate(category, index, seed))


def test_equal_arguments_equal_bytes_and_any_change_differs() -> None:
    assert fingerprint(generate("lamp", 5, 1)) == fingerprint(generate("lamp", 5, 1))
    assert len({fingerprint(generate(c, i, s)) for c in ("lamp", "vase") for i in (5, 6) for s in (1, 2)}) == 8


def test_a_new_process_makes_the_same_bytes() -> None:
    names = ("chair", "plant", "person", "guitar", "bookshelf")
    expected = [fingerprint(generate(name, 7, 11)) for name in names]
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from test_generation import fingerprint\n"
        "from concord3d.world.objects.generation import generate\n"
        f"print(*[fingerprint(generate(name, 7, 11)) for name in {names!r}])"
    )
    source = Path(concord3d.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code, str(source), str(Path(__file__).parent)],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == expected


def test_size_face_count_and_part_count_do_not_give_the_category_away() -> None:
    """A nearest-centroid classifier on the trivial cues must stay far from perfect."""
    cues, labels = [], []
    for label, category in enumerate(CATEGORIES):
        for index in range(6):
            made = generate(category, index, 17)
            extent = np.sort(np.ptp(made.mesh.normalized().vertices, axis=0))
            cues.append([*extent, np.log(len(made.mesh.faces)), len(made.part_names)])
            labels.append(label)
    table, label_array = np.array(cues), np.array(labels)
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    held_out = np.tile(np.arange(6) >= 3, len(CATEGORIES))
    centroids = np.stack([table[~held_out & (label_array == label)].mean(axis=0) for label in range(len(CATEGORIES))])
    nearest = np.linalg.norm(table[held_out][:, None] - centroids[None], axis=2).argmin(axis=1)
    accuracy = float((nearest == label_array[held_out]).mean())
    assert 1 / len(CATEGORIES) < accuracy < 0.6


def test_the_surface_can_be_sampled() -> None:
    made = generate("airplane", 0, 0)
    sample = sample_surface(made.mesh, 2048, np.random.default_rng(0))
    assert made.mesh.face_parts is not None
    parts = made.mesh.face_parts[sample.face_index]
    assert {"body", "wing", "tail"} <= {made.part_names[part] for part in np.unique(parts)}


@pytest.mark.parametrize(("category", "front"), [("sofa", (-1, 0)), ("chair", (0, 1)), ("toilet", (0, 1))])
def test_backs_are_opposite_to_the_heading(category: str, front: tuple[int, int]) -> None:
    """As on the real training split: backs of sofas lie at +x, those of chairs and toilets at -z."""
    shifts = []
    for index in range(12):
        mesh = generate(category, index, 5).mesh
        points = sample_surface(mesh, 1500, np.random.default_rng(index)).points
        high = points[:, 1] > np.quantile(points[:, 1], 0.8)
        shifts.append(points[high].mean(axis=0) - points[~high].mean(axis=0))
    x, _, z = np.median(shifts, axis=0)
    assert x * front[0] + z * front[1] < 0


@pytest.mark.parametrize(("category", "index", "seed"), [("chairs", 0, 0), ("chair", -1, 0), ("chair", 0, -1)])
def test_bad_arguments_are_named(category: str, index: int, seed: int) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(category, index, seed)
    if category == "chairs":
        assert "did you mean 'chair'" in str(caught.value)


def test_contact_sheet_has_one_cell_per_category(tmp_path: Path) -> None:
    from PIL import Image

    class Flat:
        """A renderer that paints every picture in the mean colour of the mesh."""

        def render(self, mesh: Mesh, cameras: Cameras) -> Any:
            assert mesh.face_colors is not None

            class Views:
                color = np.broadcast_to(
                    mesh.face_colors.mean(axis=0).astype(np.uint8), (len(cameras), cameras.height, cameras.width, 3)
                )

            return Views()

    for name in ("a.png", "b.png"):
        contact_sheet(Flat(), tmp_path / name, 0, 9, image_size=16, labels=False)
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape == (8 * 16, 9 * 16, 3)
    colors = generate("airplane", 0, 0).mesh.face_colors
    assert colors is not None
    assert np.array_equal(picture[0, 0], colors.mean(axis=0).astype(np.uint8))
    assert (picture[-1, -1] == 255).all()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ConfigError):
        contact_sheet(Flat(), tmp_path / "c.png", 0, 0)
