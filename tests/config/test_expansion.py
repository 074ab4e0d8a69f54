"""``for_each``: one entry of a paper's file that stands for several experiments."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from concord3d.config.expansion import combinations, filled
from concord3d.config.models import Experiment, Paper
from concord3d.config.resolve import load_study
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import validate
from concord3d.errors import ConfigError

POINT, POINT_SMOKE = "papers/mm_point/paper.yaml", "papers/mm_point/scales/smoke.yaml"


def experiments(entries: dict[str, Any]) -> dict[str, Experiment]:
    paper = {"paper": "p", "title": "", "authors": "", "venue": "", "method": "m", "defaults": {}, "protocols": {}}
    return validate(Paper, {**paper, "experiments": entries}, "paper.yaml").experiments


def refused(entry: dict[str, Any], text: str, **others: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=text):
        experiments({"tuned": entry, **others})


def test_the_last_variable_changes_first() -> None:
    found = list(combinations({"init": ["a", "b"], "labels": {"tenth": 0.1, "all": 1.0}}))
    assert [name for name, _ in found] == ["a_tenth", "a_all", "b_tenth", "b_all"]
    assert found[1][1] == {"init": "a", "labels": 1.0}
    assert list(combinations({})) == [("", {})]


def test_a_placeholder_alone_keeps_the_type_of_its_value() -> None:
    values = {"area": 3, "dataset": "s3dis", "labels": 0.1}
    content = {"a.b": "{area}", "c": ["{labels}", "{dataset}_{area}"], "d": {"times": 2}, "e": 5}
    assert filled(content, values) == {"a.b": 3, "c": [0.1, "s3dis_3"], "d": {"times": 2}, "e": 5}
    with pytest.raises(ValueError, match=r"'\{datset\}' is no variable.*did you mean 'dataset'"):
        filled("on {datset}", values)


def test_an_entry_stands_for_one_experiment_per_combination() -> None:
    entry = {
        "label": "{init} with {labels} of {dataset}",
        "method": "supervised",
        "needs": {"init": "{init}"},
        "for_each": {"init": ["ours", "theirs"], "dataset": ["modelnet40"], "labels": {"tenth": 0.1}},
        "set": {"data.dataset": "{dataset}", "objective.labels": "{labels}", "training.epochs": {"times": 2}},
        "datasets": ["{dataset}"],
        "protocols": ["classification"],
    }
    found = experiments({"ours": {"label": "Ours"}, "tuned": entry, "theirs": {"label": "Theirs"}})
    assert list(found) == ["ours", "tuned_ours_modelnet40_tenth", "tuned_theirs_modelnet40_tenth", "theirs"]
    single = found["tuned_theirs_modelnet40_tenth"]
    assert single.label == "theirs with 0.1 of modelnet40" and single.needs == {"init": "theirs"}
    assert single.set == {"data.dataset": "modelnet40", "objective.labels": 0.1, "training.epochs": {"times": 2}}
    assert single.datasets == ["modelnet40"] and single.protocols == ["classification"] and single.for_each == {}
    assert {name: each.entry for name, each in found.items()} == {
        "ours": "ours",
        "tuned_ours_modelnet40_tenth": "tuned",
        "tuned_theirs_modelnet40_tenth": "tuned",
        "theirs": "theirs",
    }


def test_words_stand_in_labels_alone() -> None:
    entry = Experiment(
        label="on {dataset}, {share}",
        words={"dataset": {"modelnet40": "ModelNet40"}},
        for_each={"dataset": ["modelnet40", "shapenet"], "share": {"tenth": 0.1}},
        datasets=["{dataset}"],
    )
    told = {name: (single.label, single.datasets) for name, single in entry.expanded("tuned").items()}
    assert told == {
        "tuned_modelnet40_tenth": ("on ModelNet40, 0.1", ["modelnet40"]),
        "tuned_shapenet_tenth": ("on shapenet, 0.1", ["shapenet"]),
    }


def test_what_could_be_misread_is_refused() -> None:
    areas = {"label": "without {area}", "for_each": {"area": [1, 2]}}
    refused({**areas, "label": "without an area"}, r"does not tell the experiments apart: write '\{area\}'")
    refused({**areas, "set": {"objective.area": "{aera}"}}, "did you mean 'area'")
    refused({"label": "{area}"}, "no variable of 'for_each'")
    refused({**areas, "words": {"aera": {"1": "one"}}}, "a variable 'aera' that 'for_each' lacks")
    refused({**areas, "words": {"area": {"1": "one", "2": "one"}}}, "one word for two values of 'area'")
    refused({**areas, "words": {"area": {"one": "1"}}}, "no word in 'words' is for a value of 'area': 1, 2")
    refused({**areas, "for_each": {"area": [0.5]}}, "'tuned_0.5' is no plain name")
    refused({**areas, "for_each": {"area": {"Half": 0.5}}}, "'tuned_Half' is no plain name")
    refused({**areas, "for_each": {"area": [1, 1]}}, "stands twice")
    refused({**areas, "for_each": {"area": []}}, "at least 1 item")
    refused({**areas, "for_each": {"area": {}}}, "has no values")
    refused(areas, "'tuned' and 'tuned_2' both stand for 'tuned_2'|'tuned_2' and 'tuned'", tuned_2={"label": "other"})
    refused({**areas, "for_eahc": {}}, "did you mean 'for_each'")


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    for folder in ("papers", "config"):
        shutil.copytree(repository / folder, tmp_path / folder)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


ENTRY = """experiments:
  tuned:
    label: "tuned on {dataset}"
    method: supervised
    needs: {init: mm_point}
    for_each: {dataset: [modelnet40, shapenet]}
    set: {objective.start: earlier, data.dataset: "{dataset}", training.momentum: 0.5}
    protocols: [classification]
    datasets: ["{dataset}"]
"""


def with_entry(copy: Path) -> None:
    edit(copy / POINT, "experiments:\n", ENTRY)
    edit(copy / POINT_SMOKE, "experiments: [mm_point,", "experiments: [tuned_modelnet40, tuned_shapenet, mm_point,")
    edit(copy / POINT_SMOKE, "protocols:\n", "protocols:\n  classification: {datasets: [modelnet40]}\n")


def test_an_experiment_is_trained_and_evaluated_on_its_own_data_set(copy: Path) -> None:
    with_entry(copy)
    study = load_study(copy, "mm_point", "smoke")
    run = study.run_config("tuned_shapenet", 1)
    assert run["pretrain"]["dataset"] == "shapenet" and run["training"]["momentum"] == 0.5
    assert run["needs"]["init"]["experiment"] == "mm_point" and run["objective"] == {"start": "earlier"}
    found = [
        (key.experiment, key.dataset, key.module) for key in study.evaluations() if key.protocol == "classification"
    ]
    assert found == [("tuned_modelnet40", "modelnet40", "classifier")]
    # Those that keep no classifier take no part in classification, those with other protocols in none but theirs.
    assert {key.experiment for key in study.evaluations() if key.protocol == "linear_svm"} == {
        "mm_point", "single_view", "crosspoint", "random_init",
    }  # fmt: skip


def test_of_several_modules_the_first_that_is_kept_is_evaluated(copy: Path) -> None:
    with_entry(copy)
    edit(copy / POINT, "module: classifier", "module: [classifier, point]")
    evaluations = load_study(copy, "mm_point", "smoke").evaluations()
    found = {key.experiment: key.module for key in evaluations if key.protocol == "classification"}
    assert found == {
        "tuned_modelnet40": "classifier", "mm_point": "point", "single_view": "point", "crosspoint": "point",
        "random_init": "point",
    }  # fmt: skip


def test_a_place_leads_to_the_entry(copy: Path) -> None:
    with_entry(copy)
    line = (copy / POINT).read_text().split("    set: {objective.start")[0].count("\n") + 1
    place = load_study(copy, "mm_point", "smoke").place_of("tuned_shapenet", "data.dataset")
    assert place.keys == ("experiments", "tuned", "set", "data.dataset") and place.line == line
    edit(copy / POINT, "needs: {init: mm_point}", "needs: {init: mm_pont}")
    with pytest.raises(ConfigError, match=r"(?s)did you mean 'mm_point'.*experiments.tuned.needs.init"):
        load_study(copy, "mm_point", "smoke")


def test_a_data_set_that_the_scale_lacks_is_refused(copy: Path) -> None:
    with_entry(copy)
    edit(copy / POINT, 'datasets: ["{dataset}"]', 'datasets: ["{dataset}", modelnet4]')
    with pytest.raises(ConfigError, match=r"(?s)did you mean 'modelnet40'.*experiments.tuned.datasets"):
        load_study(copy, "mm_point", "smoke")


def test_no_protocol_is_not_all_protocols(copy: Path) -> None:
    edit(copy / POINT, '  mm_point: {label: "MM-Point"}', '  mm_point: {label: "MM-Point", protocols: []}')
    study = load_study(copy, "mm_point", "smoke")
    assert "mm_point" in study.experiments and "mm_point" not in {key.experiment for key in study.evaluations()}


def test_the_published_setting_of_mm_point_trains_and_evaluates_what_the_paper_tells(repository: Path) -> None:
    study = load_study(repository, "mm_point", "paper")
    assert load_yaml(repository / POINT)["experiments"]["mm_point_finetuned"]["for_each"]
    found = {(key.experiment, key.protocol, key.dataset) for key in study.evaluations() if key.module != "point"}
    tuned = {
        (f"{name}_finetuned_{dataset}", "classification", dataset)
        for name in ("mm_point", "crosspoint", "random_init")
        for dataset in ("modelnet40", "scanobjectnn_obj_bg")
    }
    parts = {(f"{n}_partseg", "part_segmentation", "shapenetpart") for n in ("mm_point", "crosspoint", "random_init")}
    rooms = {(f"{name}_semseg", "semantic_segmentation", "s3dis") for name in ("mm_point", "random_init")}
    assert found == tuned | parts | rooms
    for area in range(1, 7):
        run = study.run_config(f"mm_point_semseg_without_area_{area}", 2)
        assert run["objective"] == {"start": "earlier", "left_out_area": area}
        assert study.needs_of("mm_point_semseg")[f"area_{area}"].experiment == f"mm_point_semseg_without_area_{area}"
