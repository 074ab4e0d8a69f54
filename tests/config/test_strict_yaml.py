from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError


def _read(tmp_path: Path, text: str) -> dict:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return load_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("no", "no"), ("on", "on"), ("true", True), ("12", 12), ("1.5", 1.5), ("32-true", "32-true")],
)
def test_scalars_mean_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    assert _read(tmp_path, f"key: {text}\n") == {"key": value}


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_as_python_writes_them(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    assert _read(tmp_path_factory.mktemp("yaml"), f"key: {value!r}\n") == {"key": value}


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("a: 1\nb: 2\na: 3\n", "stands twice"),
        ("outer:\n  a: 1\n  a: 2\n", "line 3"),
        ("", "empty file"),
        ("- 1\n", "list"),
        ("a:\n\t- 1\n", "not valid YAML"),
        ("a: [1\n", "not valid YAML"),
    ],
)
def test_traps_are_named(tmp_path: Path, text: str, fragment: str) -> None:
    with pytest.raises(ConfigError, match=fragment):
        _read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_yaml(tmp_path / "absent.yaml")


def test_merge_keys_work(tmp_path: Path) -> None:
    assert _read(tmp_path, "a: &x {k: 1}\nb: {<<: *x, l: 2}\n")["b"] == {"k": 1, "l": 2}
