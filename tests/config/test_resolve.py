"""From configuration files to studies: precedence, and what is refused with which words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from concord3d.config.places import Place
from concord3d.config.resolve import load_params, load_study
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError

SCALES = ("smoke", "demo", "small", "paper")
SMOKE = "config/scales/smoke.yaml"
POINT, POINT_SMOKE = "papers/mm_point/paper.yaml", "papers/mm_point/scales/smoke.yaml"
MIXING, MIXING_SMOKE = "papers/mm_mixing/paper.yaml", "papers/mm_mixing/scales/smoke.yaml"


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    for folder in ("papers", "config"):
        shutil.copytree(repository / folder, tmp_path / folder)
    return tmp_path


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _line(path: Path, text: str) -> int:
    return path.read_text().split(text)[0].count("\n") + 1


def _add(path: Path, text: str) -> None:
    path.write_text(f"{text}\n{path.read_text()}")


def test_the_committed_params_are_valid(repository: Path) -> None:
    assert load_params(load_yaml(repository / "params.yaml")).scale in SCALES


def test_only_the_published_setting_states_a_renderer(repository: Path) -> None:
    stated = {scale: load_study(repository, "mm_point", scale).scale.renderer for scale in SCALES}
    assert stated == {"smoke": "auto", "demo": "auto", "small": "auto", "paper": "pytorch3d"}
    assert load_params({"papers": ["mm_point"]}).renderer == "auto"


@pytest.mark.parametrize("paper", ["mm_point", "mm_mixing"])
@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_resolves(repository: Path, paper: str, scale: str) -> None:
    study = load_study(repository, paper, scale)
    runs = [study.run_config(experiment, seed) for experiment, seed in study.trainings()]
    assert len(study.experiments) <= len(runs) <= len(study.experiments) * len(study.untrained_seeds)
    assert scale == "smoke" or len(study.seeds_of("random_init")) == 5, "an untrained row costs its evaluation alone"
    assert len(set(study.evaluations())) == len(study.evaluations()) > 0


def test_costly_experiments_take_the_first_seeds(copy: Path) -> None:
    scale = copy / POINT_SMOKE
    _add(scale, "seeds: [4, 5]\nmax_seeds: {single_view: 1}")
    study = load_study(copy, "mm_point", "smoke")
    assert study.seeds == study.seeds_of("mm_point") == (4, 5) and study.seeds_of("single_view") == (4,)
    assert {(key.experiment, key.seed) for key in study.evaluations()} == set(study.trainings())
    assert load_study(copy, "mm_point", "smoke", [7, 8, 9]).seeds_of("single_view") == (7,)
    assert load_study(copy, "mm_mixing", "smoke").seeds == (1,)
    _edit(scale, "max_seeds: {single_view", "max_seeds: {single_veiw")
    with pytest.raises(ConfigError, match="did you mean 'single_view'"):
        load_study(copy, "mm_point", "smoke")


def test_experiments_that_rest_on_no_training_have_more_seeds(copy: Path) -> None:
    _edit(copy / SMOKE, "seeds: [1]", "seeds: [1]\nuntrained_seeds: [1, 2, 3]")
    study = load_study(copy, "mm_point", "smoke")
    assert study.seeds_of("random_init") == (1, 2, 3) and study.seeds_of("mm_point") == (1,)
    assert [study.job_seed(seed) for seed in (1, 2, 3)] == [1, 1, 1]
    _add(copy / POINT_SMOKE, "seeds: [4, 5]\nmax_seeds: {random_init: 2}")
    assert load_study(copy, "mm_point", "smoke").seeds_of("random_init") == (1, 2)
    assert load_study(copy, "mm_point", "smoke", [7]).seeds_of("random_init") == (7,)
    _edit(copy / SMOKE, "untrained_seeds: [1, 2, 3]", "untrained_seeds: [1]")
    assert load_study(copy, "mm_point", "smoke").seeds_of("random_init") == (4, 5), "never fewer than the others"


def test_an_experiment_that_nobody_measures_needs_no_more_seeds(copy: Path) -> None:
    _edit(copy / SMOKE, "seeds: [1]", "seeds: [1]\nuntrained_seeds: [1, 2, 3]")
    _edit(copy / POINT, ", method: random_init}", ", method: random_init, protocols: []}")
    assert load_study(copy, "mm_point", "smoke").seeds_of("random_init") == (1,)


def test_what_draws_nothing_at_random_has_one_seed(copy: Path) -> None:
    study = load_study(copy, "mm_mixing", "small")
    assert study.seeds_of("depth_views") == (1,) and len(study.seeds) > 1


def test_a_protocol_may_evaluate_fewer_seeds(copy: Path) -> None:
    found = {(key.protocol, key.seed) for key in load_study(copy, "mm_mixing", "demo").evaluations()}
    assert ("tsne", 1) in found and ("tsne", 2) not in found and ("knn", 2) in found


def test_a_teacher_has_the_seeds_of_its_students(copy: Path) -> None:
    _add(copy / "papers/mm_mixing/scales/demo.yaml", "max_seeds: {stage1: 1}")
    with pytest.raises(ConfigError, match="'full' has seeds that its teacher 'stage1' does not run with") as caught:
        load_study(copy, "mm_mixing", "demo")
    assert (
        caught.value.found == "2"
        and f"{MIXING}, line {_line(copy / MIXING, '  full: {')}, experiments.full.needs.teacher" in str(caught.value)
    )


def test_precedence_is_default_scale_experiment(repository: Path) -> None:
    study = load_study(repository, "mm_point", "smoke")
    main, single = study.run_config("mm_point", 1), study.run_config("single_view", 1)
    assert study.paper.defaults["data"]["image_size"].value == 224
    assert main["data"]["image_size"] == 32  # the scale wins over the paper
    assert (main["objective"]["views"], single["objective"]["views"]) == (4, 1)  # the experiment wins
    assert {**single["objective"], "views": 4} == main["objective"]


def test_the_most_specific_setting_wins(copy: Path) -> None:
    # The paper says 4 views; smoke, single_view and smoke for single_view say so one after the other.
    def views(experiment: str) -> int:
        return load_study(copy, "mm_point", "smoke").run_config(experiment, 1)["objective"]["views"]

    def layer(experiment: str) -> str | None:
        return load_study(copy, "mm_point", "smoke").place_of(experiment, "objective.views").layer

    scale = copy / POINT_SMOKE
    assert (views("mm_point"), views("single_view")) == (4, 1)
    assert (layer("mm_point"), layer("single_view")) == ("default", "experiment")
    _edit(scale, "objective.image_encoder", "objective.views: 2\n  objective.image_encoder")
    assert (views("mm_point"), views("single_view")) == (2, 1)
    assert (layer("mm_point"), layer("single_view")) == ("scale", "experiment")
    _add(scale, "experiment_set: {single_view: {objective.views: 3}}")
    assert (views("mm_point"), views("single_view")) == (2, 3)
    assert (layer("mm_point"), layer("single_view")) == ("scale", "scale and experiment")


def test_crosspoint_is_a_configuration_of_the_method(repository: Path) -> None:
    objective = load_study(repository, "mm_point", "paper").run_config("crosspoint", 1)["objective"]
    expected = {"views": 1, "heads": "single", "pairing": "mean", "w_inter": 0.5, "inter_reduction": "sum"}
    assert expected.items() <= objective.items()


def test_a_scales_encoder_settings_do_not_reach_another_encoder(copy: Path) -> None:
    scale = copy / MIXING_SMOKE
    _edit(scale, "experiments: [random_init, baseline,", "experiments: [random_init, baseline_sparse, baseline,")
    _add(scale, "experiment_set: {baseline_sparse: {encoder.width: 8}}")
    study = load_study(copy, "mm_mixing", "smoke")
    assert study.run_config("baseline", 1)["encoder"]["num_groups"] == 16
    encoder = study.run_config("baseline_sparse", 1)["encoder"]
    assert encoder == {"name": "mink_resnet34", "in_channels": 6, "out_dim": 1280, "width": 8}
    assert study.place_of("baseline_sparse", "encoder.width").layer == "scale and experiment"
    assert study.place_of("baseline_sparse", "encoder.out_dim").layer == "experiment"
    # The scale's number of groups belongs to the other encoder.
    assert study.place_of("baseline", "encoder.num_groups").layer == "scale"
    assert study.place_of("baseline_sparse", "encoder.num_groups").keys == ("defaults", "encoder")


def test_an_experiment_returns_to_the_papers_encoder_and_its_settings(repository: Path) -> None:
    study = load_study(repository, "mm_point", "small")
    defaults = {key: entry.value for key, entry in study.paper.defaults["encoder"].items()}
    assert study.run_config("mm_point", 1)["encoder"] == {"name": "pointnet"}
    assert study.run_config("mm_point_dgcnn_mild", 1)["encoder"]["emb_dims"] == defaults["emb_dims"]


def test_resolving_leaves_the_defaults_alone(repository: Path) -> None:
    study = load_study(repository, "mm_point", "smoke")
    first = study.run_config("mm_point", 1)
    first["objective"]["views"] = 99
    assert study.run_config("mm_point", 1)["objective"]["views"] == 4


# Which experiments run.


def test_all_experiments_or_all_but_some(copy: Path) -> None:
    scale = copy / "papers/mm_point/scales/paper.yaml"

    def chosen(experiments: str) -> tuple[str, ...]:
        text, count = re.subn(r"^experiments: .*$", f"experiments: {experiments}", scale.read_text(), flags=re.M)
        assert count == 1
        scale.write_text(text)
        return load_study(copy, "mm_point", "paper").experiments

    every = chosen("all")
    assert every == tuple(load_study(copy, "mm_point", "paper").paper.experiments) and len(every) > 20
    assert chosen("{all_but: [views_6, views_2]}") == tuple(
        name for name in every if name not in ("views_6", "views_2")
    )
    assert chosen("[views_2, mm_point, crosspoint, random_init]")[:2] == ("views_2", "mm_point")


# Relative values.


def test_times_multiplies_what_lower_layers_say(copy: Path) -> None:
    def epochs(experiment: str, scale: str) -> tuple[object, object]:
        training = load_study(copy, "mm_mixing", scale).run_config(experiment, 1)["training"]
        return training["epochs"], training["warmup_epochs"]

    assert epochs("k1", "paper") == (400, 20) and epochs("k1", "demo") == (72, 6)
    assert epochs("k1", "small") == (8, 2) and epochs("baseline_times_4", "small") == (16, 4)
    assert epochs("baseline", "small") == (4, 1)
    assert all(type(value) is int for value in epochs("k1", "small"))
    _edit(copy / MIXING_SMOKE, "training.warmup_epochs: 0.5", "training.warmup_epochs: {times: 0.05}")
    _edit(copy / MIXING_SMOKE, "[random_init, baseline, stage1, full]", "[random_init, baseline, stage1, full, k1]")
    _edit(copy / MIXING, "value: 10, origin: ours", "value: 10.0, origin: ours")
    assert epochs("k1", "smoke") == (4, 1.0) and type(epochs("k1", "smoke")[1]) is float


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("training.epochs: 2", "training.epochs: {times: 0.001}", ("no whole number", "set.training.epochs (scale)")),
        ("training.epochs: 2", "training.epochs: {times: two}", ("takes a number", "training.epochs.times", "'two'")),
        ("training.epochs: 2", "training.epochs: {times: .inf}", ("takes a number", "inf")),
        ("training.epochs: 2", "training.epochs: {times: true}", ("takes a number", "True")),
        ("data.view_set: ring24", "data.view_set: {times: 2}", ("'times' multiplies a number", "'r2n2_24'")),
        ("training.epochs: 2", "training.drop_last: {times: 2}", ("'times' multiplies a number", "True")),
        ("encoder.name: pointnet", "encoder.name: pointnet\n  encoder.width: {times: 2}", ("multiplies", "None")),
    ],
)
def test_times_on_what_is_no_number_is_refused(copy: Path, old: str, new: str, fragments: tuple[str, ...]) -> None:
    _edit(copy / POINT_SMOKE, old, new)
    with pytest.raises(ConfigError) as caught:
        load_study(copy, "mm_point", "smoke")
    assert all(fragment in str(caught.value) for fragment in (*fragments, POINT_SMOKE)), str(caught.value)


# Earlier trainings.


def test_a_need_names_paper_experiment_seed_and_encoder(repository: Path) -> None:
    study = load_study(repository, "mm_mixing", "demo")
    run = study.run_config("full", 2)
    encoder = study.run_config("stage1", 2)["encoder"]
    need = {"paper": "mm_mixing", "experiment": "stage1", "seed": 2, "encoder": encoder}
    assert run["needs"] == {"teacher": need} and list(study.loaded) == ["mm_mixing"]
    assert "needs" not in study.run_config("stage1", 2)


def _needing(copy: Path, need: str, experiment: str = "single_view", paper: str = POINT) -> None:
    text = (copy / paper).read_text()
    line = next(line for line in text.splitlines() if line.startswith(f"  {experiment}: {{"))
    changed = line.split(", needs:")[0].rstrip("}") + "}" * ("set: {" in line.split(", needs:")[0])
    _edit(copy / paper, line, f"{changed}, needs: {{teacher: {need}}}}}")


def test_a_training_of_another_paper_may_be_needed(copy: Path) -> None:
    _needing(copy, "mm_mixing/baseline")
    study = load_study(copy, "mm_point", "smoke")
    need = study.run_config("single_view", 1)["needs"]["teacher"]
    assert (need["paper"], need["experiment"], need["encoder"]["name"]) == ("mm_mixing", "baseline", "point_bert")
    assert set(study.loaded) == {"mm_point", "mm_mixing"}
    assert set(load_study(copy, "mm_mixing", "smoke").loaded) == {"mm_mixing"}


@pytest.mark.parametrize(
    ("need", "fragments"),
    [
        ("crospoint", ("unknown teacher in mm_point at this scale", "did you mean 'crosspoint'")),
        ("views_2", ("unknown teacher in mm_point at this scale", "'views_2'")),
        ("mm_mixing/basline", ("unknown teacher in mm_mixing at this scale", "did you mean 'baseline'")),
        ("mm_mixng/baseline", ("unknown paper 'mm_mixng'", "did you mean 'mm_mixing'")),
        ("single_view", ("form a circle", "mm_point/single_view <- mm_point/single_view")),
    ],
)
def test_a_need_that_is_not_there_is_refused(copy: Path, need: str, fragments: tuple[str, ...]) -> None:
    _needing(copy, need)
    with pytest.raises(ConfigError) as caught:
        load_study(copy, "mm_point", "smoke")
    assert all(fragment in str(caught.value) for fragment in (*fragments, POINT, "experiments.single_view.needs"))


def test_a_circle_across_papers_is_refused(copy: Path) -> None:
    _needing(copy, "mm_mixing/stage1")
    _needing(copy, "mm_point/single_view", "stage1", MIXING)
    for paper in ("mm_point", "mm_mixing"):
        with pytest.raises(ConfigError, match="form a circle"):
            load_study(copy, paper, "smoke")


def test_a_need_across_papers_runs_with_the_same_seeds(copy: Path) -> None:
    _needing(copy, "mm_mixing/baseline")
    _add(copy / POINT_SMOKE, "seeds: [1, 4]")
    with pytest.raises(ConfigError, match="'single_view' has seeds that its teacher 'baseline'") as caught:
        load_study(copy, "mm_point", "smoke")
    assert caught.value.found == "4" and MIXING_SMOKE in str(caught.value)
    assert load_study(copy, "mm_point", "smoke", [4, 5]).run_config("single_view", 5)["needs"]["teacher"]["seed"] == 5


# Data sets and towers of one paper alone.


def test_a_paper_may_bring_data_sets_and_towers(copy: Path) -> None:
    _add(copy / POINT_SMOKE, "datasets: {modelnet10: {source: real}}\ntowers: {big: {model: ViT-bigG-14, weights: x}}")
    study = load_study(copy, "mm_point", "smoke")
    assert study.data_kind("modelnet10") == "real" and "big" in study.scale.towers
    assert "modelnet10" not in study.common.datasets
    assert "modelnet10" not in load_study(copy, "mm_mixing", "smoke").scale.datasets


def test_one_name_for_two_data_sets_is_refused_with_both_files(copy: Path) -> None:
    _edit(copy / SMOKE, "datasets:\n", "datasets:\n  modelnet10: {source: world, splits: {train: 8}}\n")
    same = "modelnet10: {source: world, splits: {train: 8}}"
    _add(copy / POINT_SMOKE, f"datasets:\n  {same}")
    assert load_study(copy, "mm_point", "smoke").scale.datasets
    _edit(copy / POINT_SMOKE, "train: 8", "train: 9")
    with pytest.raises(ConfigError, match="'modelnet10' stands for different things in two files") as caught:
        load_study(copy, "mm_point", "smoke")
    assert f"{POINT_SMOKE}, line 2" in str(caught.value)
    assert f"{SMOKE}, line {_line(copy / SMOKE, 'modelnet10')}" in str(caught.value)


# What is refused.


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ({"scale": "demo", "papers": ["mm_point"], "sed": [1]}, "unknown key 'sed'; did you mean 'seeds'"),
        ({"scale": "huge", "papers": ["mm_point"]}, "'scale'"),
        ({"scale": "demo", "papers": []}, "'papers'"),
        ({"scale": "demo", "papers": ["mm_point", "mm_point"]}, "mm_point stands twice"),
        ({"scale": "demo"}, "missing key 'papers'"),
        ({"papers": ["mm_point"], "seeds": "three"}, "'seeds'"),
        ({"papers": ["mm_point"], "seeds": []}, "'seeds'"),
        ({"papers": ["mm_point"], "seeds": [1, 2, 1]}, "1 stands twice"),
        ({"papers": ["mm_point"], "seeds": [-1]}, "'seeds.0'.*greater than or equal to 0"),
        ({"papers": ["mm_point"], "seeds": [2**32]}, "'seeds.0'.*less than 4294967296"),
        ({"papers": ["mm_point"], "device": "tpu"}, "'device'"),
        ({"papers": ["mm_point"], "renderer": "pytorch"}, "'renderer'.*did you mean 'pytorch3d'"),
        ({"papers": ["mm_point"], "render": "open3d"}, "unknown key 'render'; did you mean 'renderer'"),
    ],
)
def test_wrong_params_are_named(content: dict, fragment: str) -> None:
    with pytest.raises(ConfigError, match=fragment):
        load_params(content)


def test_wrong_params_are_named_with_their_line(repository: Path) -> None:
    content = {**load_yaml(repository / "params.yaml"), "device": "tpu"}
    line = next(n for n, text in enumerate((repository / "params.yaml").open(), 1) if text.startswith("device:"))
    with pytest.raises(ConfigError, match=f"line {line}: 'device'"):
        load_params(content, Place(repository, Path("params.yaml")))


# The file and the text, what replaces it, the line, and a part of the message.
WRONG = {
    "key of a setting": (POINT_SMOKE, "training.epochs", "training.epoch", "did you mean 'training.epochs'"),
    "section of a setting": (POINT_SMOKE, "training.epochs", "trainig.epochs", "did you mean 'training.epochs'"),
    "no section": (POINT_SMOKE, "training.epochs: 2", "epochs: 2", "did you mean 'training.epochs'"),
    "experiment": (POINT_SMOKE, "single_view", "singel_view", "did you mean 'single_view'"),
    "experiment left out": (POINT_SMOKE, "[mm_point, single_view,", "{all_but: [singel_view]} #", "'single_view'"),
    "experiment twice": (POINT_SMOKE, "single_view,", "single_view, single_view,", "single_view stands twice"),
    "protocol": (POINT_SMOKE, "linear_svm", "liner_svm", "did you mean 'linear_svm'"),
    "data set": (POINT_SMOKE, "datasets: [modelnet40]", "datasets: [modelnet4]", "did you mean 'modelnet40'"),
    "key of a scale": (SMOKE, "world_seed", "worldseed", "did you mean 'world_seed'"),
    "renderer": (SMOKE, "world_seed", "renderer: opend3\nworld_seed", "did you mean 'open3d'"),
    "negative seed": (SMOKE, "seeds: [1]", "seeds: [-1]", "greater than or equal to 0"),
    "seed twice": (SMOKE, "seeds: [1]", "seeds: [1, 1]", "1 stands twice"),
    "large seed": (SMOKE, "seeds: [1]", "seeds: [4294967296]", "less than 4294967296"),
    "training set of a tower": (SMOKE, "dataset: ensembled", "dataset: ensembld", "did you mean 'ensembled'"),
    "name of a tower": (SMOKE, "concord_tiny:", "concord-tiny:", "'concord-tiny' is no plain name"),
    "origin": (POINT, "origin: lineage", "origin: linage", "did you mean 'lineage'"),
    "setting": (POINT, "objective.views: 1", "objective.veiws: 1", "did you mean 'objective.views'"),
    "unknown section": (POINT, "  objective:", "  objectiv:", "did you mean 'objective'"),
    "no threads": (POINT, "    threads: {value", "    threds: {value", "'training.threads' is missing"),
    "path as a name": (POINT, "  views_2: {", "  ../views_2: {", "'../views_2' is no plain name"),
    "space in a name": (POINT, "  views_2: {", "  views 2: {", "'views 2' is no plain name"),
    "two underscores": (POINT, "  views_2: {", "  views__2: {", "'views__2' is no plain name"),
    "upper case": (POINT, "  views_2: {", "  Views_2: {", "'Views_2' is no plain name"),
    "digit first": (POINT, "  views_2: {", "  2_views: {", "'2_views' is no plain name"),
    "another paper's name": (POINT, "paper: mm_point", "paper: mm_pont", "another name than its folder"),
    "protocol of an experiment": (POINT, "[linear_svm, knn]", "[linear_svm, knm]", "did you mean 'knn'"),
    "experiment of a protocol": (POINT, "experiments: [random_init]", "experiments: [random_int]", "'random_init'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_files_are_named_with_their_line(copy: Path, what: str) -> None:
    file, old, new, fragment = WRONG[what]
    line = _line(copy / file, old)
    _edit(copy / file, old, new)
    with pytest.raises(ConfigError) as caught:
        load_study(copy, "mm_point", "smoke")
    assert fragment in str(caught.value) and file in str(caught.value), str(caught.value)
    if what == "no threads":
        line = _line(copy / file, "  training:")
    assert f"line {line}" in str(caught.value), (line, str(caught.value))


def test_an_unknown_paper_is_named(repository: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'mm_point'"):
        load_study(repository, "mmpoint", "smoke")


@pytest.mark.parametrize("name", ["stores", "cross", "records", "all"])
def test_a_paper_is_not_called_like_a_stage_or_a_folder(copy: Path, name: str) -> None:
    (copy / "papers/mm_point").rename(copy / "papers" / name)
    _edit(copy / "papers" / name / "paper.yaml", "paper: mm_point", f"paper: {name}")
    with pytest.raises(ConfigError, match=f"a paper cannot be called '{name}'"):
        load_study(copy, name, "smoke")


def test_a_paper_without_a_file_does_not_run_at_a_scale(copy: Path) -> None:
    (copy / "papers/mm_point/scales/small.yaml").unlink()
    with pytest.raises(ConfigError, match="'mm_point' does not run at scale 'small'") as caught:
        load_study(copy, "mm_point", "small")
    assert "papers/mm_point/scales/small.yaml" in str(caught.value) and "demo, paper, smoke" in str(caught.value)
    assert load_study(copy, "mm_mixing", "small").experiments
