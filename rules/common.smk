"""Configuration, validated once, and the paths that every rule shares."""

import os
import sys
from pathlib import Path

# This clone's own sources, here and in the scripts' processes, whatever is installed.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCES)
os.environ.update(PYTHONPATH=SOURCES)

from snakemake.exceptions import WorkflowError

from concord3d.config.resolve import joined_datasets, load_params, load_study
from concord3d.data.catalog import load_catalog
from concord3d.errors import ConcordError
from concord3d.files import content_hash
from concord3d.render.choice import choose_renderer
from concord3d.render.view_spec import view_spec
from concord3d.reporting.outputs import CROSS_FILES, report_outputs

try:
    PARAMS = load_params(config, "params.yaml or --config")
    STUDIES = {paper: load_study(Path(workflow.basedir), paper, PARAMS.scale, PARAMS.seeds) for paper in PARAMS.papers}
except ConcordError as error:
    raise WorkflowError(str(error))

SCALE = next(iter(STUDIES.values())).scale
RAW = Path("data/raw")
ARTIFACTS = Path("artifacts") / PARAMS.scale
RESULTS = Path("results") / PARAMS.scale
CATALOG = "datasets/datasets.yaml"
SPECS = load_catalog(Path(workflow.basedir) / CATALOG)
# Jobs that compute on tensors ask for a GPU only where one is demanded; "auto" must also run without.
GPU = 1 if PARAMS.device == "cuda" else 0
RENDERER = choose_renderer(PARAMS.renderer, SCALE.renderer, PARAMS.device).name
EXPERIMENTS = "|".join(sorted({name for study in STUDIES.values() for name in study.experiments}))
TRAINED_PROTOCOLS = (
    "|".join(
        sorted(
            {
                name
                for study in STUDIES.values()
                for name in SCALE.papers[study.paper.paper].protocols
                if study.protocol(name).trains_encoder and name != "semantic_segmentation"
            }
        )
    )
    or "none"
)


wildcard_constraints:
    paper="|".join(STUDIES),
    experiment=EXPERIMENTS,
    dataset="|".join(SCALE.datasets),
    tower="|".join(SCALE.towers) or "none",
    view_set="[a-z0-9_]+?",
    pixels=r"\d+",
    split="train|val|test",
    seed=r"\d+",


def spec_identity(*beside):
    """What the catalogue says about a data set that decides its content: with it jobs run anew, not with the file's date."""
    words = {"title", "licence", "doc", *beside}
    return lambda wildcards: content_hash(SPECS[wildcards.dataset].model_dump(mode="json", exclude=words))


def datasets_from(source):
    """Data sets of this scale with one origin, as a wildcard pattern."""
    return "|".join(name for name, use in SCALE.datasets.items() if use.source == source) or "none"


def brings_features(dataset):
    """Whether a data set is a release that holds tower features of its shapes, in place of meshes to be rendered."""
    return SCALE.datasets[dataset].source == "real" and SPECS[dataset].reader == "openshape_npy"


def datasets_with_features(brought):
    """Data sets whose tower features are brought along, or the others, as a wildcard pattern."""
    return "|".join(name for name in SCALE.datasets if brings_features(name) == brought) or "none"


def raw_marker(dataset):
    """The small file that stands for a raw data set being complete."""
    if SCALE.datasets[dataset].source == "world":
        return RAW / f"world_{PARAMS.scale}" / dataset / "world.json"
    return RAW / "real" / dataset / "manifest.json"


def points_asked(dataset):
    """Points per cloud, where the scale says how many; else as many as are stored."""
    entry = SCALE.datasets[dataset]
    return entry.num_points if "num_points" in entry.model_fields_set else None


def memory_with_clouds(base):
    """Megabytes that a job asks for: its own, twice its input up to 8 GiB, and a tenth, for large arrays are mapped."""
    return lambda wildcards, input: base + int(2 * min(input.size_mb, 8192) + 0.1 * input.size_mb)


def store(dataset, split):
    """The canonical clouds of one split."""
    return ARTIFACTS / "stores" / dataset / f"{split}.npz"


def run_config(wildcards):
    return STUDIES[wildcards.paper].run_config(wildcards.experiment, int(wildcards.seed))


def training_threads(wildcards):
    """Threads that a job's tensors use; more than Snakemake reserves would make jobs slow each other down."""
    return run_config(wildcards)["training"]["threads"]


def views_index(dataset, split, view_set, pixels):
    """The index of the rendered views of one split."""
    return ARTIFACTS / "views" / f"{dataset}__{split}__{view_set}__{pixels}.json"


def image_features(tower, dataset, split, view_set, pixels):
    """The index of a tower's features of the views of one split; a release that brings them has its own pictures."""
    pictures = "" if brings_features(dataset) else f"__{view_set}__{pixels}"
    return ARTIFACTS / "features" / tower / f"{dataset}__{split}{pictures}__images.json"


def text_features(tower, dataset, split):
    """The index of a tower's features of the texts of one split."""
    return ARTIFACTS / "features" / tower / f"{dataset}__{split}__texts.json"


def class_features(tower, dataset):
    """A tower's features of the class names of a data set."""
    return ARTIFACTS / "features" / tower / f"{dataset}__classes.npz"


def trained_model(paper, experiment):
    """The weights of an encoder, with the seed left open."""
    return ARTIFACTS / paper / "train" / f"{experiment}__s{{seed}}" / "model.safetensors"


def training_sets(run):
    """The data sets that a run trains on."""
    return joined_datasets(run["pretrain"]["dataset"]) if run["pretrain"] else []


def pretraining_clouds(wildcards):
    return [store(dataset, "train") for dataset in training_sets(run_config(wildcards))]


def pretraining_views(wildcards):
    run = run_config(wildcards)
    if "tower" in run or run["method"] == "supervised":
        return []
    data = run["data"]
    return [views_index(name, "train", data["view_set"], data["image_size"]) for name in training_sets(run)]


def views_renderer(wildcards):
    """What draws a set of views; the choice among renderers of meshes touches those of clouds and images not at all."""
    return view_spec(wildcards.view_set, int(wildcards.pixels), RENDERER).renderer


def view_files(study):
    """All pictures that a paper's trainings, towers and comparisons with towers look at."""
    files = []
    for name in study.towers():
        training = SCALE.towers[name].training
        for dataset in training.datasets if training else []:
            files += [views_index(dataset, "train", view_set, training.image_size) for view_set in training.view_sets]
    for experiment in study.experiments:
        run = study.run_config(experiment, study.seeds[0])
        pictures = (run["data"]["view_set"], run["data"]["image_size"])
        if run["method"] != "supervised":
            files += [views_index(dataset, "train", *pictures) for dataset in training_sets(run)]
        compared = {
            key.dataset for key in frozen_keys(study, experiment) if "images" in study.protocol(key.protocol).needs
        }
        files += [views_index(dataset, "test", *pictures) for dataset in compared]
    return sorted({path for path in files if not brings_features(path.name.split("__")[0])})


def pretraining_image_features(wildcards):
    run = run_config(wildcards)
    if "tower" not in run:
        return []
    data = run["data"]
    return [
        image_features(data["tower"], name, "train", data["view_set"], data["image_size"])
        for name in training_sets(run)
    ]


def pretraining_text_features(wildcards):
    run = run_config(wildcards)
    return [text_features(run["data"]["tower"], name, "train") for name in training_sets(run)] if "tower" in run else []


def pretraining_teacher(wildcards):
    teacher = run_config(wildcards).get("teacher")
    return [trained_model("{paper}", teacher["experiment"])] if teacher else []


def tower_use(wildcards):
    return SCALE.towers[wildcards.tower]


def tower_model(wildcards):
    """The weights of a tower that the pipeline trains; released weights are no file of the workflow."""
    return [ARTIFACTS / "towers" / wildcards.tower / "model.safetensors"] if tower_use(wildcards).training else []


def tower_spec(wildcards):
    """What opens a tower: its model, and its weights by file or by the tag of their release."""
    own = tower_model(wildcards)
    return {"model": tower_use(wildcards).model, "weights": str(own[0]) if own else tower_use(wildcards).weights}


def tower_run(wildcards):
    """The configuration of a tower's training, in the form of every training's."""
    entry = tower_use(wildcards)
    return {
        "experiment": f"tower_{wildcards.tower}",
        "scale": PARAMS.scale,
        "model": entry.model,
        "seed": entry.training.seed,
        "sets": {"datasets": entry.training.datasets, "view_sets": entry.training.view_sets},
        "training": entry.training.settings,
    }


def tower_sets(wildcards):
    """The files of each data set that a tower learns from."""
    training = tower_use(wildcards).training
    return [
        {
            "dataset": dataset,
            "clouds": str(store(dataset, "train")),
            "views": {
                view_set: str(views_index(dataset, "train", view_set, training.image_size))
                for view_set in training.view_sets
            },
        }
        for dataset in training.datasets
    ]


def tower_clouds(wildcards):
    return [store(dataset, "train") for dataset in tower_use(wildcards).training.datasets]


def tower_views(wildcards):
    training = tower_use(wildcards).training
    return [
        views_index(dataset, "train", view_set, training.image_size)
        for dataset in training.datasets
        for view_set in training.view_sets
    ]


def evaluation_files(paper, keys, seed=None):
    """The files that evaluations leave; with seed="{seed}" they become patterns."""
    folder = ARTIFACTS / paper / "eval"
    return [
        folder / f"{key.experiment}__{key.dataset}__{key.protocol}__s{key.seed if seed is None else seed}{suffix}"
        for key in keys
        for suffix in (".json", ".npz")
    ]


def splits_of(dataset):
    """The splits for training and testing that a data set has at this scale."""
    entry = SCALE.datasets[dataset]
    known = entry.splits if entry.source == "world" else SPECS[dataset].splits
    return [split for split in ("train", "test") if split in known]


def stores_of(datasets):
    return [store(dataset, split) for dataset in datasets for split in splits_of(dataset)]


def tower_needs(study, keys):
    """For each data set, the tower features that the evaluations of one experiment compare with, by what they are of."""
    needs = {}
    for key in keys:
        data = study.run_config(key.experiment, key.seed)["data"]
        for need in study.protocol(key.protocol).needs:
            index = {
                "classes": class_features(data["tower"], key.dataset),
                "images": image_features(data["tower"], key.dataset, "test", data["view_set"], data["image_size"]),
                "texts": text_features(data["tower"], key.dataset, "test"),
            }[need]
            needs.setdefault(key.dataset, {})[need] = str(index)
    return needs


def tower_files(study):
    """The towers that this pipeline trains for a paper, and everything that its towers are asked."""
    files = [ARTIFACTS / "towers" / name / "gate.json" for name in study.towers() if SCALE.towers[name].training]
    for experiment in study.experiments:
        run = study.run_config(experiment, study.seeds[0])
        data = run["data"]
        for name in training_sets(run) if "tower" in run else []:
            files += [
                image_features(data["tower"], name, "train", data["view_set"], data["image_size"]),
                text_features(data["tower"], name, "train"),
            ]
        needs = tower_needs(study, frozen_keys(study, experiment))
        files += [index for indices in needs.values() for index in indices.values()]
    return sorted({str(path) for path in files})


def frozen_keys(study, experiment):
    """Evaluations on frozen features of one experiment, for its first seed."""
    return [
        key
        for key in study.evaluations()
        if key.experiment == experiment
        and key.seed == study.seeds[0]
        and not study.protocol(key.protocol).trains_encoder
    ]


def protocol_datasets(paper, protocol):
    """The data sets on which a protocol runs at this scale; none where it does not run."""
    return sorted({key.dataset for key in STUDIES[paper].evaluations() if key.protocol == protocol})


def retrieval_keys(paper, dataset):
    return [key for key in STUDIES[paper].evaluations() if (key.protocol, key.dataset) == ("retrieval", dataset)]


def retrieval_views(wildcards):
    """The pictures that the retrieval evaluations on a data set compare with."""
    key = retrieval_keys(wildcards.paper, wildcards.dataset)[0]
    data = STUDIES[wildcards.paper].run_config(key.experiment, key.seed)["data"]
    return views_index(wildcards.dataset, "test", data["view_set"], data["image_size"])


def figure_examples(paper):
    """The examples that the figures of a paper show at this scale."""
    mixed = ["mixed_clouds.npz"] if protocol_datasets(paper, "consistency") else []
    shown = [dataset for dataset in protocol_datasets(paper, "retrieval") if not brings_features(dataset)]
    pictures = [f"pictures__{dataset}.npz" for dataset in shown]
    return [ARTIFACTS / paper / "figures" / name for name in mixed + pictures]


def report_yaml(paper):
    return f"papers/{paper}.report.yaml"


def evaluations_of(wildcards):
    return evaluation_files(wildcards.paper, STUDIES[wildcards.paper].evaluations())


def histories_of(wildcards):
    study = STUDIES[wildcards.paper]
    return [
        ARTIFACTS / wildcards.paper / "train" / f"{experiment}__s{seed}" / name
        for experiment, seed in study.trainings()
        for name in ("train.json", "provenance.json")
    ]


def gates_of(wildcards):
    """What the towers that this pipeline trains for a paper are worth."""
    trained = [name for name in STUDIES[wildcards.paper].towers() if SCALE.towers[name].training]
    return [ARTIFACTS / "towers" / name / "gate.json" for name in trained]


def report_identity_of(paper):
    """Everything of the configuration that a report depends on; a change of it makes the report anew."""
    study = STUDIES[paper]
    return content_hash([study.run_config(name, seed) for name, seed in study.trainings()])


def report_identity(wildcards):
    return report_identity_of(wildcards.paper)


def per_item_files(paper):
    """Outcomes of single test items, one file per experiment, protocol and seed."""
    keys = STUDIES[paper].evaluations()
    return sorted({f"per_item/{key.experiment}__{key.protocol}__s{key.seed}.npz" for key in keys})


def record_files(paper):
    """Records of the trainings, one per experiment and seed."""
    study = STUDIES[paper]
    return [f"provenance/{experiment}__s{seed}.json" for experiment, seed in study.trainings()]


def result_files(paper):
    """Everything that a reviewer finds below results/<scale>/<paper>/."""
    shown = [name for part in ("tables", "figures") for name in report_outputs(Path(report_yaml(paper)), part)]
    pages = ["README.md", "ledger.md", "metrics.csv", "claims.json", "audit.csv"]
    return [RESULTS / paper / name for name in (*pages, *shown, *per_item_files(paper), *record_files(paper))]


def cross_files():
    """The table over the encoders of several papers, below results/<scale>/cross/."""
    return [RESULTS / "cross" / name for name in CROSS_FILES] if len(PARAMS.papers) > 1 else []
