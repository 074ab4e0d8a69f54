"""Readers are found by looking, say what they have, and are light to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from concord3d.data import readers
from concord3d.data.catalog import load_catalog
from concord3d.data.readers import find_reader, reader_module, reader_names
from concord3d.data.stores import store_kinds
from concord3d.errors import ConfigError
from concord3d.render.view_spec import STORED_SETS

HEAVY = ("h5py", "pyarrow", "torch", "open3d", "trimesh", "PIL", "scipy", "sklearn")
NEW_READER = """
from concord3d.data.readers.interface import Reader, Reading

class Streets(Reader):
    kind = "sweeps"

    def read(self, spec, root, split, data_kind, num_points=None):
        raise NotImplementedError

READER = Streets()
"""


def test_every_file_of_the_package_is_a_reader_of_a_known_kind() -> None:
    names = {path.stem for path in Path(readers.__file__).parent.glob("*.py")} - {"__init__", "interface"}
    assert set(reader_names()) == names
    for name in names:
        reader = find_reader(name)
        assert reader.kind in store_kinds() and type(reader).__module__ == reader_module(name)


def test_the_catalogue_and_readers_are_light() -> None:
    code = "import sys; from concord3d.data.readers import find_reader, reader_names\n"
    code += "import concord3d.data.catalog, concord3d.data.reading, concord3d.data.stores.sweeps\n"
    code += f"print([m for m in {HEAVY} if m in sys.modules], 'numpy' in sys.modules and len(sys.modules))\n"
    code += "[find_reader(name) for name in reader_names()]\n"
    code += f"print([m for m in {HEAVY} if m in sys.modules])"
    completed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert [line.split("]")[0] for line in completed.stdout.splitlines()] == ["[", "["], completed.stdout


def test_a_name_is_refused_without_importing_a_reader() -> None:
    code = "import sys, concord3d.data.catalog as c\ntry: c.known_reader('off_tre')\nexcept ValueError as e: print(e)\n"
    code += "print([m for m in sys.modules if m.startswith('concord3d.data.readers.') or m == 'numpy'])"
    completed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert "did you mean 'off_tree'" in completed.stdout and completed.stdout.endswith("[]\n")
    with pytest.raises(ConfigError, match="did you mean 'off_tree'"):
        find_reader("off_tre")


def test_a_new_format_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streets.py").write_text(NEW_READER)
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(tmp_path)])
    try:
        assert "streets" in reader_names() and find_reader("streets").kind == "sweeps"
    finally:
        sys.modules.pop(reader_module("streets"), None)


def test_what_a_format_lacks_is_named(repository: Path) -> None:
    catalog = load_catalog(repository / "datasets" / "datasets.yaml")
    spec = catalog["modelnet40"]
    reader = find_reader(spec.reader)
    for ask, what in (
        (lambda: reader.read_meshes(spec, repository, "train"), "meshes"),
        (lambda: reader.read_pictures(spec, repository, ["a"], 1, 8), "pictures"),
        (lambda: reader.read_tower_features(spec, repository, "train"), "tower features"),
    ):
        with pytest.raises(ConfigError, match=f"'modelnet40' has no {what}"):
            ask()


def test_what_readers_say_they_have_they_have() -> None:
    from concord3d.data.readers.interface import Reader

    for name in reader_names():
        reader = find_reader(name)
        for method, has in (
            ("read_meshes", reader.has_meshes),
            ("read_pictures", bool(reader.picture_set)),
            ("read_tower_features", reader.has_tower_features),
        ):
            assert (getattr(type(reader), method) is not getattr(Reader, method)) == has, (name, method)


def test_every_view_set_of_stored_pictures_has_a_reader() -> None:
    assert {find_reader(name).picture_set for name in reader_names()} - {""} == set(STORED_SETS)
