import shutil
from pathlib import Path

import pytest

from concord3d.config.resolve import Study, load_params, load_study
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError

SCALES = ("smoke", "demo", "small", "paper")


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    for folder in ("papers", "config"):
        shutil.copytree(repository / folder, tmp_path / folder)
    return tmp_path


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


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
    assert len(study.experiments) <= len(runs) <= len(study.experiments) * len(study.seeds)
    assert len(set(study.evaluations())) == len(study.evaluations()) > 0


def test_costly_experiments_take_the_first_seeds(copy: Path) -> None:
    scale = copy / "config/scales/smoke.yaml"
    _edit(scale, "  mm_point:\n", "  mm_point:\n    seeds: [4, 5]\n    max_seeds: {single_view: 1}\n")
    study = load_study(copy, "mm_point", "smoke")
    assert study.seeds == study.seeds_of("mm_point") == (4, 5) and study.seeds_of("single_view") == (4,)
    assert {(key.experiment, key.seed) for key in study.evaluations()} == set(study.trainings())
    assert load_study(copy, "mm_point", "smoke", [7, 8, 9]).seeds_of("single_view") == (7,)
    assert load_study(copy, "mm_mixing", "smoke").seeds == (1,)
    _edit(scale, "max_seeds: {single_view", "max_seeds: {single_veiw")
    with pytest.raises(ConfigError, match="did you mean 'single_view'"):
        load_study(copy, "mm_point", "smoke")


def test_a_teacher_has_the_seeds_of_its_students(copy: Path) -> None:
    _edit(copy / "config/scales/demo.yaml", "  mm_mixing:\n", "  mm_mixing:\n    max_seeds: {stage1: 1}\n")
    with pytest.raises(ConfigError, match="'full' has more seeds than its teacher 'stage1'"):
        load_study(copy, "mm_mixing", "demo")


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

    scale = copy / "config/scales/smoke.yaml"
    assert (views("mm_point"), views("single_view")) == (4, 1)
    _edit(scale, "objective.image_encoder", "objective.views: 2\n      objective.image_encoder")
    assert (views("mm_point"), views("single_view")) == (2, 1)
    _edit(scale, "  mm_point:\n", "  mm_point:\n    experiment_set: {single_view: {objective.views: 3}}\n")
    assert (views("mm_point"), views("single_view")) == (2, 3)


def test_crosspoint_is_a_configuration_of_the_method(repository: Path) -> None:
    objective = load_study(repository, "mm_point", "paper").run_config("crosspoint", 1)["objective"]
    expected = {"views": 1, "heads": "single", "pairing": "mean", "w_inter": 0.5, "inter_reduction": "sum"}
    assert expected.items() <= objective.items()


def test_a_scales_encoder_settings_do_not_reach_another_encoder(copy: Path) -> None:
    scale = copy / "config/scales/smoke.yaml"
    _edit(scale, "experiments: [random_init, baseline,", "experiments: [random_init, baseline_sparse, baseline,")
    _edit(scale, "  mm_mixing:\n", "  mm_mixing:\n    experiment_set: {baseline_sparse: {encoder.width: 8}}\n")
    study = load_study(copy, "mm_mixing", "smoke")
    assert study.run_config("baseline", 1)["encoder"]["num_groups"] == 16
    encoder = study.run_config("baseline_sparse", 1)["encoder"]
    assert encoder == {"name": "mink_resnet34", "in_channels": 6, "out_dim": 1280, "width": 8}


def test_an_experiment_returns_to_the_papers_encoder_and_its_settings(repository: Path) -> None:
    study = load_study(repository, "mm_point", "small")
    defaults = {key: entry.value for key, entry in study.paper.defaults["encoder"].items()}
    assert study.run_config("mm_point", 1)["encoder"] == {"name": "pointnet"}
    assert study.run_config("mm_point_dgcnn", 1)["encoder"]["emb_dims"] == defaults["emb_dims"]


def test_resolving_leaves_the_defaults_alone(repository: Path) -> None:
    study: Study = load_study(repository, "mm_point", "smoke")
    first = study.run_config("mm_point", 1)
    first["objective"]["views"] = 99
    assert study.run_config("mm_point", 1)["objective"]["views"] == 4


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ({"scale": "demo", "papers": ["mm_point"], "sed": [1]}, "unknown key 'sed'; did you mean 'seeds'"),
        ({"scale": "huge", "papers": ["mm_point"]}, "'scale'"),
        ({"scale": "demo", "papers": []}, "'papers'"),
        ({"scale": "demo"}, "missing key 'papers'"),
        ({"papers": ["mm_point"], "seeds": "three"}, "'seeds'"),
        ({"papers": ["mm_point"], "device": "tpu"}, "'device'"),
        ({"papers": ["mm_point"], "renderer": "pytorch"}, "'renderer'.*did you mean 'pytorch3d'"),
        ({"papers": ["mm_point"], "render": "open3d"}, "unknown key 'render'; did you mean 'renderer'"),
    ],
)
def test_wrong_params_are_named(content: dict, fragment: str) -> None:
    with pytest.raises(ConfigError, match=fragment):
        load_params(content)


@pytest.mark.parametrize(
    ("file", "old", "new", "fragment"),
    [
        ("config/scales/smoke.yaml", "training.epochs", "training.epoch", "did you mean 'training.epochs'"),
        ("config/scales/smoke.yaml", "single_view", "singel_view", "did you mean 'single_view'"),
        ("config/scales/smoke.yaml", "linear_svm", "liner_svm", "did you mean 'linear_svm'"),
        ("config/scales/smoke.yaml", "datasets: [modelnet40]", "datasets: [modelnet4]", "did you mean 'modelnet40'"),
        ("config/scales/smoke.yaml", "world_seed", "worldseed", "did you mean 'world_seed'"),
        ("config/scales/smoke.yaml", "world_seed", "renderer: opend3\nworld_seed", "did you mean 'open3d'"),
        ("papers/mm_point.yaml", "origin: lineage", "origin: rumour", "origin"),
        ("papers/mm_point.yaml", "objective.views: 1", "objective.veiws: 1", "did you mean 'objective.views'"),
    ],
)
def test_wrong_files_are_named(copy: Path, file: str, old: str, new: str, fragment: str) -> None:
    _edit(copy / file, old, new)
    with pytest.raises(ConfigError, match=fragment):
        load_study(copy, "mm_point", "smoke")


def test_an_unknown_paper_is_named(repository: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'mm_point'"):
        load_study(repository, "mmpoint", "smoke")
