"""``concord3d embed``, ``evaluate`` and ``release-encoders``, and the page about them, block after block."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.own_data.shapes import write_clouds
from tests.pretrained.toy_runs import ALIGNED_RUN, toy_repository
from typer.testing import CliRunner, Result

from concord3d.cli import app
from concord3d.errors import ConfigError
from concord3d.own_data.errors import NoItems
from concord3d.pretrained.release import CACHE_VARIABLE

OWN_ENCODER = "tests.own_data.shapes:Spread"
_BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.M | re.S)


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def clone(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one aligned training, in which commands are called."""
    root = toy_repository(tmp_path / "clone", repository, [ALIGNED_RUN])
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(root)
    return root


def test_every_block_of_the_page_runs(repository: Path, clone: Path) -> None:
    blocks = _BLOCK.findall((repository / "docs" / "OWN_DATA.md").read_text())
    names: dict[str, Any] = {}
    for language, body in blocks:
        if body.startswith("# my_encoder.py"):
            (clone / "my_encoder.py").write_text(body)
        elif language == "python":
            exec(compile(body, "docs/OWN_DATA.md", "exec"), names)
        else:
            for line in body.splitlines():
                result = called(*shlex.split(line)[1:])
                assert result.exit_code == 0, (line, result.output, result.exception)
    assert len(blocks) == 8
    features = np.load("features/embeddings.npz")["features"]
    np.testing.assert_array_equal(np.load("released/embeddings.npz")["features"], features)
    assert features.shape == (18, 384) and names["features"].shape == (2, 384)
    np.testing.assert_array_equal(names["encoder"].embed(names["clouds"]), names["features"])
    with Path("numbers/metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["protocol"] for row in rows} == {"zero_shot", "linear_probe", "knn", "retrieval"}
    [row] = [row for row in rows if (row["protocol"], row["metric"]) == ("linear_probe", "overall_accuracy")]
    assert float(row["value"]) == pytest.approx(names["probe"].value("overall_accuracy"), abs=1e-6)
    assert row["encoder"] == ALIGNED_RUN and row["dataset"] == "shapes"


def test_embeddings_are_written_with_their_provenance(tmp_path: Path) -> None:
    folder = write_clouds(tmp_path / "clouds")
    (folder / "post/0.npy").write_bytes(b"nothing")
    result = called("embed", folder, "--encoder", OWN_ENCODER, "--out", tmp_path / "out", "--normalise", "never")
    assert result.exit_code == 0, result.exception
    assert "left out: 1 of the files or clouds: post/0.npy (Cannot read a cloud" in result.output
    stored = np.load(tmp_path / "out/embeddings.npz")
    assert stored["features"].shape == (7, 3) and stored["classes"].tolist() == ["board"] * 4 + ["post"] * 3
    with (tmp_path / "out/embeddings.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["name", "class", "split", "f0", "f1", "f2"] and rows[1][:3] == ["board/0", "board", "all"]
    np.testing.assert_allclose([float(value) for value in rows[1][3:]], stored["features"][0], rtol=1e-5)
    record = json.loads((tmp_path / "out/provenance.json").read_text())
    assert record["encoder"]["name"] == OWN_ENCODER
    assert list(record["data"]["left_out"]) == ["post/0.npy"] and len(record["data"]["files"]) == 8
    assert "normalisation: none, as asked" in record["data"]["rules"]
    assert str(tmp_path) not in json.dumps(record)


def test_a_file_of_clouds_is_embedded_without_classes(tmp_path: Path) -> None:
    np.save(tmp_path / "batch.npy", np.random.default_rng(0).normal(size=(3, 50, 3)))
    result = called("embed", tmp_path / "batch.npy", "--encoder", OWN_ENCODER, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.exception
    stored = np.load(tmp_path / "out/embeddings.npz")
    assert stored["names"].tolist() == [f"batch#{row:05d}" for row in range(3)] and (stored["labels"] == -1).all()


def test_settings_and_the_split_can_be_changed(tmp_path: Path) -> None:
    folder, out = write_clouds(tmp_path / "clouds", count=10), tmp_path / "out"
    told = ("--protocol", "knn", "--set", "num_neighbours=3", "--num-points", "16", "--test-share", "0.5")
    result = called("evaluate", folder, "--encoder", OWN_ENCODER, "--out", out, *told)
    assert result.exit_code == 0, result.exception
    settings = json.loads((out / "provenance.json").read_text())["protocols"]["knn"]["settings"]
    assert (settings["num_neighbours"], settings["num_points"]) == (3, 16)
    assert "split: 10 in train and 10 in test" in result.output
    wrong = called("evaluate", folder, "--encoder", OWN_ENCODER, "--protocol", "knn", "--set", "num_neighbours")
    assert isinstance(wrong.exception, ConfigError) and "key=value" in str(wrong.exception)
    points = called("evaluate", folder, "--encoder", OWN_ENCODER, "--protocol", "knn", "--set", "num_points=16")
    assert isinstance(points.exception, ConfigError) and "--num-points 16" in str(points.exception)


def test_what_cannot_be_done_is_said_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert isinstance(called("embed", tmp_path / "empty", "--encoder", OWN_ENCODER).exception, NoItems)
    assert isinstance(called("embed", tmp_path, "--encoder", "nothing").exception, ConfigError)
    layer = called("embed", tmp_path, "--encoder", OWN_ENCODER, "--layer", "last")
    assert layer.exit_code == 2 and "backbone" in layer.output
