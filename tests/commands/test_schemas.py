"""JSON schemas of the configuration files: current, and true of every file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from concord3d.commands.schemas import schemas, write_schemas
from concord3d.config.strict_yaml import load_yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_OF = {
    "params.yaml": "params",
    "config/scales/*.yaml": "scale",
    "papers/*/paper.yaml": "paper",
    "papers/*/scales/*.yaml": "paper_scale",
    "papers/*/report.yaml": "report",
    "datasets/datasets.yaml": "datasets",
}
FILES = [(path, name) for pattern, name in SCHEMA_OF.items() for path in sorted(ROOT.glob(pattern))]


def content(path: Path) -> Any:
    """What a file says, with keys as JSON has them."""
    return json.loads(json.dumps(load_yaml(path)))


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    expected = schemas()
    assert set(expected) == {path.relative_to(ROOT) for path in (ROOT / "schemas").iterdir()}
    for path, text in expected.items():
        assert (ROOT / path).read_text() == text, f"{path} is stale: concord3d schemas"
    write_schemas(tmp_path)
    assert {path: (tmp_path / path).read_text() for path in expected} == expected


@pytest.mark.parametrize(("path", "name"), FILES, ids=lambda value: str(value)[-40:])
def test_every_file_is_valid_and_names_its_schema(path: Path, name: str) -> None:
    assert [error.message for error in validator(name).iter_errors(content(path))] == []
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", path.read_text().splitlines()[0])
    assert found is not None and (path.parent / found[1]).resolve() == ROOT / "schemas" / f"{name}.json"


def test_there_are_files_of_every_kind() -> None:
    assert {name for _, name in FILES} == set(SCHEMA_OF.values()) and len(FILES) >= 18


@pytest.mark.parametrize(
    ("file", "keys", "value"),
    [
        ("params.yaml", ("scal",), "demo"),
        ("params.yaml", ("seeds",), [-1]),
        ("config/scales/demo.yaml", ("seeds",), []),
        ("papers/mm_point/paper.yaml", ("experiments", "../x"), {"label": "x"}),
        ("papers/mm_point/paper.yaml", ("defaults", "encoder", "k", "origin"), "rumour"),
        ("papers/mm_point/paper.yaml", ("defaults", "objectiv"), {}),
        ("papers/mm_point/paper.yaml", ("method",), "mm_pont"),
        ("papers/mm_point/paper.yaml", ("defaults", "encoder", "name", "value"), "dgcn"),
        ("papers/mm_point/paper.yaml", ("experiments", "supervised", "method"), "supervisd"),
        ("papers/mm_point/paper.yaml", ("experiments", "supervised", "protocols"), ["knm"]),
        ("papers/mm_point/paper.yaml", ("experiments", "mm_point_dgcnn_mild", "set", "encoder.name"), "dgcn"),
        ("papers/mm_point/paper.yaml", ("protocols", "liner_svm"), {"datasets": ["modelnet40"]}),
        ("papers/mm_point/scales/demo.yaml", ("protocols", "liner_svm"), {}),
        ("papers/mm_point/scales/demo.yaml", ("set", "encoder.name"), "dgcn"),
        ("papers/mm_point/scales/demo.yaml", ("experiment_set", "mm_point", "encoder.name"), "dgcn"),
        ("config/scales/demo.yaml", ("towers", "concord_tiny", "training", "method"), "clop"),
        ("papers/mm_point/scales/demo.yaml", ("experiments",), "every"),
        ("papers/mm_point/report.yaml", ("figures", 0, "kind"), "bar"),
        ("papers/mm_point/report.yaml", ("figures", 0, "options", "protocol"), "liner_svm"),
        ("papers/mm_point/report.yaml", ("claims", 0, "parts", 0, "protocol"), "liner_svm"),
        ("papers/mm_point/report.yaml", ("tables", 0, "metrics", 0, "protocol"), "liner_svm"),
        ("papers/mm_point/report.yaml", ("claims", 0, "whose"), "theirs"),
        ("papers/mm_point/report.yaml", ("claims", 0, "parts", 0, "lhs"), {"experimnt": "mm_point"}),
        ("papers/mm_point/report.yaml", ("datasets", "ModelNet40"), 40),
        ("datasets/datasets.yaml", ("modelnet40", "reader"), "modelnet"),
        ("datasets/datasets.yaml", ("modelnet40", "id"), "modelnet40"),
    ],
)
def test_a_wrong_value_is_no_value(file: str, keys: tuple[Any, ...], value: Any) -> None:
    name = next(name for pattern, name in SCHEMA_OF.items() if (ROOT / file).match(pattern))
    wrong = content(ROOT / file)
    inner = wrong
    for key in keys[:-1]:
        inner = inner[key] if isinstance(inner, list) or key in inner else inner.setdefault(key, {})
    inner[keys[-1]] = value
    assert list(validator(name).iter_errors(wrong))


def test_editors_show_what_the_docstrings_say() -> None:
    properties = json.loads(schemas()[Path("schemas/paper_scale.json")])["properties"]
    assert properties["max_seeds"]["description"].startswith("How many of the seeds an experiment gets")
