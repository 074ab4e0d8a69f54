"""Every report file: what it names exists in the paper's file, in the protocols and among the published values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from concord3d.config.layers import Settings
from concord3d.config.models import Paper
from concord3d.config.places import Place
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import StrictModel, validate
from concord3d.data.corruptions import CORRUPTIONS
from concord3d.layout import CATALOG, paper_yaml, published_csv, report_yaml
from concord3d.methods.mm_mixing.settings import MMMixingSettings
from concord3d.models.cylindrical_descriptor import CylindricalDescriptor
from concord3d.models.dgcnn import DGCNN
from concord3d.models.mink_resnet import MinkResNet34
from concord3d.models.point_bert import PointBERT
from concord3d.protocols.loading import protocol_names
from concord3d.protocols.temporal_instance_matching import PAIRS
from concord3d.reporting.claims.comparisons import leaves
from concord3d.reporting.evidence.addresses import Address
from concord3d.reporting.evidence.audit import audit
from concord3d.reporting.evidence.published_values import PublishedCell, chosen_cells, read_published
from concord3d.reporting.figures.drawing import kind_of_figure
from concord3d.reporting.figures.kinds import kind_names, metric_curves, rerun_scatter, seeds
from concord3d.reporting.figures.kinds.retrieval_grid import DIRECTION_WORDS
from concord3d.reporting.specs.claim_spec import ClaimPart, Selector, Term
from concord3d.reporting.specs.report_spec import FigureSpec, ReportSpec, load_report_spec
from concord3d.training.settings import TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
PAPERS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/report.yaml"))
OPTIONS: dict[str, type[StrictModel]] = {kind: kind_of_figure(kind).Options for kind in kind_names()}
OBJECT_PAIRS = ("image_point", "image_cad", "image_referral", "point_cad", "point_referral", "cad_referral")
SCENE_PAIRS = (
    *("image_point", "image_referral", "image_floorplan", "point_referral", "point_floorplan", "referral_floorplan"),
    *("image_image", "point_point", "referral_referral", "floorplan_floorplan", "fused_fused", "layout_layout"),
)
SCENE_MEASURES = (
    *(f"top{k}" for k in (1, 5, 10, 20)),
    *(f"{name}_top{k}" for name in ("category", "temporal", "temporal_published") for k in (1, 5, 10)),
    *(f"intra_top{k}" for k in (1, 3, 5)),
)
STEPS = ("image_point_image_point", "referral_point_referral_point", "image_referral_image_referral")
# The metrics of every protocol with default settings, in the names that tables, figures and claims use.
METRICS = {
    "linear_svm": {"overall_accuracy", "mean_class_accuracy"},
    "few_shot": {f"accuracy_{ways}way_{shots}shot" for ways in (5, 10) for shots in (10, 20)},
    "knn": {"overall_accuracy", "mean_class_accuracy", "knn_purity", "silhouette"},
    "occupancy_knn": {"overall_accuracy", "mean_class_accuracy"},
    "tsne": {"silhouette", "knn_purity"},
    "classification": {"overall_accuracy", "mean_class_accuracy"},
    "part_segmentation": {"instance_miou", "class_miou"},
    "semantic_segmentation": {"overall_accuracy", "miou"},
    "sweep_segmentation": {"miou", "fwiou", "overall_accuracy"},
    "corrupted_segmentation": {"mce", "mrr", "clean_miou"} | {f"{corruption}_miou" for corruption in CORRUPTIONS},
    "panoptic_segmentation": {"pq", "sq", "rq", "pq_dagger", "pq_things"},
    "sweep_detection": {"map", "nds"},
    "kitti_detection": {"map", "ap_car", "ap_pedestrian", "ap_cyclist"},
    "distillation": {"masked_error", "occupancy_accuracy", "occupancy_accuracy_shared_alone", "squared_cosine"}
    | {"same_code_share", "code_perplexity"},
    "zero_shot": {"top1", "top3", "top5", "class_mean_top1"},
    "open_vocabulary": {"top1", "top1_above_chance", "class_mean_top1"},
    "linear_probe": {"overall_accuracy", "mean_class_accuracy"},
    "few_shot_probe": {f"accuracy_{shots}shot" for shots in (1, 2, 4, 8, 16)},
    "alignment": {"cos_image", "margin_image", "cos_text", "margin_text"},
    "consistency": {f"{name}_0.{tenth}" for name in ("consistency", "consistency_margin") for tenth in (1, 3, 5, 7, 9)},
    "two_branch_maps": {"picture_to_cloud_purity", "cloud_to_picture_purity"},
    "two_branches": {"pair_gap"}
    | {f"{branch}_{metric}" for branch in ("image", "point") for metric in ("top1_unseen", "top1_seen")}
    | {f"{name}_label_precision" for name in ("image", "point", "joint")}
    | {f"{name}_class_entropy" for name in ("pictures", "points")}
    | {f"middle_{model}_{branch}_top1" for model in ("student", "teacher") for branch in ("image", "point")}
    | {
        f"{teacher}{metric}_top1"
        for teacher in ("", "teacher_")
        for metric in ("image", "image_any_view", "image_all_views", "point", "joint")
    },
    "instance_matching": {
        f"{pair}_{name}" for pair in OBJECT_PAIRS for name in ("top1", "top3", "same", "diff", "r25", "r50", "r75")
    },
    "temporal_instance_matching": {
        f"{pair}_{name}"
        for pair in (
            *(f"{one}_{other}" for one, other in PAIRS),
            *(f"shared_{one}_{other}" for one, other in PAIRS[1:]),
        )
        for name in ("top1", "r25", "r50", "r75", "static_top1", "dynamic_top1")
    },
    "scene_matching": {"layout_training_category_top1"}
    | {f"{pair}_{name}" for pair in SCENE_PAIRS for name in SCENE_MEASURES},
    "two_step_localisation": {f"{s}_{name}" for s in STEPS for name in ("objects", "scan_step", "object_step")},
    "view_ablation": {f"views{number}_{name}" for number in (1, 2, 4, 8, 10) for name in SCENE_MEASURES},
    "coarse_localisation": {
        f"{when}_{count}_top{k}" for when in ("static", "temporal") for count in (10, 50) for k in (1, 3, 5)
    },
    "retrieval": {"shape_to_shape_p10", "shape_to_shape_map"}
    | {
        f"{direction}_{measure}"
        for direction in ("text_to_shape", "shape_to_text", "image_to_shape")
        for measure in ("r1", "r5", "r10", "mean_rank", "median_rank", "class_p10")
    },
}


class Files:
    """One paper's files."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.report: ReportSpec = load_report_spec(ROOT / report_yaml(name))
        self.paper = validate(Paper, load_yaml(ROOT / paper_yaml(name)), name)
        self.published: tuple[PublishedCell, ...] = read_published(ROOT / published_csv(name))

    def options(self, figure: FigureSpec) -> dict[str, Any]:
        """The options of a figure, with defaults."""
        return validate(OPTIONS[figure.kind], figure.options, figure.id).model_dump()

    def parts(self) -> Iterator[tuple[str, ClaimPart]]:
        for claim in self.report.claims:
            for given in claim.parts:
                places = [given.on(label, name) for entry in given.over for label, name in entry.items()] or [given]
                for place in places:
                    for number in range(max((len(t.preferred or ()) for t in terms_below(place)), default=0) or 1):
                        yield f"{claim.id}, {place.name}", place.mapped(partial(with_experiment, number=number))


def terms_below(part: ClaimPart) -> list[Term]:
    return [term for side in part.terms for term in side.below()]


def with_experiment(term: Term, number: int) -> Term:
    """Put an experiment of a list of preferred ones in place of the list."""
    if term.preferred is None:
        return term
    chosen = term.preferred[min(number, len(term.preferred) - 1)]
    return term.model_copy(update={"experiment": chosen, "preferred": None})


@pytest.fixture(scope="module", params=PAPERS)
def files(request: pytest.FixtureRequest) -> Files:
    return Files(request.param)


def known_datasets() -> set[str]:
    return set(load_yaml(ROOT / CATALOG))


def test_there_are_papers() -> None:
    assert {"mm_point", "mm_mixing"} <= set(PAPERS)


def test_files_name_each_other(files: Files) -> None:
    assert files.report.paper == files.paper.paper == files.name
    for name, experiment in files.paper.experiments.items():
        assert set(experiment.protocols or ()) <= set(files.paper.protocols), name
        assert set(experiment.needs.values()) <= set(files.paper.experiments), name
    for name, protocol in files.paper.protocols.items():
        assert name in protocol_names()
        assert set(protocol.experiments or ()) <= set(files.paper.experiments), name


def test_every_experiment_exists(files: Files) -> None:
    known = set(files.paper.experiments)
    for table in files.report.tables:
        named = {name for match in table.match for name in match.experiments}
        named |= set() if table.own == "all" else set(table.own)
        named |= set(table.baseline)
        assert named <= known, (table.id, named - known)
    for name, part in files.parts():
        found = {leaf.experiment for term in part.terms for leaf in leaves(term, part)} - {"*"}
        assert found | set(part.for_each or ()) <= known, (name, found - known)
    for figure in files.report.figures:
        options = files.options(figure)
        found = set(options.get("experiments", ())) | set(options.get("references", ()))
        found |= {name for names in options.get("series", {}).values() for name in names}
        found |= {change[side] for change in options.get("changes", {}).values() for side in ("before", "after")}
        found |= {name for curve in options.get("curves", {}).values() for name in curve.values()}
        found |= {name for path in options.get("paths", {}).values() for name in path}
        found |= {name for sweep in options.get("sweeps", ()) for name in sweep["experiments"].values()}
        assert found <= known, (figure.id, found - known)


def test_every_protocol_and_metric_exists(files: Files) -> None:
    def check(where: str, protocol: str, metric: str) -> None:
        assert protocol in files.paper.protocols, (where, protocol)
        assert metric in METRICS[protocol], (where, protocol, metric)

    for table in files.report.tables:
        for entry in table.metrics:
            check(table.id, entry.protocol, entry.metric)
    for name, part in files.parts():
        for term in part.terms:
            for leaf in leaves(term, part):
                if isinstance(leaf, Address):
                    check(name, leaf.protocol, leaf.metric)
    for figure in files.report.figures:
        options = files.options(figure)
        if "metric" in options:
            check(figure.id, options["protocol"], options["metric"])
        elif "metrics" in options:
            by_metric = figure.kind in ("grouped_bars", "radar")
            curves = options["panels"].values() if figure.kind == "metric_curves" else ()
            measured = [metric for curve in curves for metric in curve.values()]
            for metric in [*measured, *(options["metrics"] if by_metric else options["metrics"].values())]:
                check(figure.id, options["protocol"], metric)
        elif "protocol" in options:
            assert options["protocol"] in files.paper.protocols, figure.id


def test_every_data_set_exists(files: Files) -> None:
    known = known_datasets()
    assert {name for names in files.report.datasets.values() for name in names} <= known
    assert set(files.report.ledger.datasets) <= known
    for name, protocol in files.paper.protocols.items():
        assert set(protocol.datasets) <= known, name
    for name, experiment in files.paper.experiments.items():
        chosen = experiment.set.get("data.dataset", files.paper.defaults["data"]["dataset"].value)
        assert set(str(chosen).split("+")) <= known, name
    for name, part in files.parts():
        for term in part.terms:
            for leaf in leaves(term, part):
                assert not isinstance(leaf, Address) or leaf.dataset in known, (name, leaf)
    for figure in files.report.figures:
        options = files.options(figure)
        found = {*options.get("datasets", ()), *([options["dataset"]] if "dataset" in options else [])}
        assert found <= known, (figure.id, found - known)


def test_every_published_row_exists(files: Files) -> None:
    tables = {cell.table for cell in files.published}
    names = {cell.dataset for cell in files.published}
    for name, ours in files.report.datasets.items():
        # A name of our own is for a data set that print has none for.
        others = {each for other, these in files.report.datasets.items() if other != name for each in these}
        assert name in names or not others & set(ours), name
    for table in files.report.tables:
        assert set(table.published) <= tables, table.id
        rows = [cell for cell in files.published if cell.table in table.published]
        for match in table.match:
            assert any(match.is_about(c.method, c.setting, c.dataset) for c in rows), (table.id, match)
        for metric in table.metrics:
            if metric.published is not None:
                found = [c for c in rows if c.metric == metric.published and metric.setting in (None, c.setting)]
                assert found, (table.id, metric)


def test_every_published_cell_is_shown_in_some_table(files: Files) -> None:
    shown = {name for table in files.report.tables for name in table.published}
    assert {cell.table for cell in files.published} == shown


def selectors(files: Files) -> Iterator[tuple[str, Selector]]:
    for identity in files.report.audit.identities:
        for selector in (identity.left, identity.right, identity.minus):
            if selector is not None:
                yield identity.why, selector
    for name, part in files.parts():
        yield from ((name, term.published) for term in terms_below(part) if term.published is not None)
    for figure in files.report.figures:
        options = validate(OPTIONS[figure.kind], figure.options, figure.id)
        if isinstance(options, seeds.Options) and options.reference is not None:
            yield figure.id, options.reference
        if isinstance(options, metric_curves.Options):
            yield from ((figure.id, each) for marks in options.published.values() for each in marks.values())
        for pair in options.pairs if isinstance(options, rerun_scatter.Options) else ():
            yield from ((figure.id, selector) for selector in (pair.printed, pair.rerun))


def test_every_selector_finds_published_values(files: Files) -> None:
    for where, selector in selectors(files):
        found = chosen_cells(files.published, selector.model_dump(exclude_none=True))
        assert any(cell.value is not None for cell in found), (where, selector)


def test_every_figure_has_options_that_its_kind_understands(files: Files) -> None:
    for figure in files.report.figures:
        options = files.options(figure)
        if figure.kind == "retrieval_grid":
            assert set(options["directions"]) <= set(DIRECTION_WORDS)
        if figure.kind == "rerun_scatter":
            assert set(options["tables"]) <= {table.id for table in files.report.tables}


def test_the_audit_knows_its_tables_data_sets_metrics_and_settings(files: Files) -> None:
    spec, cells = files.report.audit, files.published
    places = {cell.dataset for cell in cells} | {f"{cell.table}/{cell.dataset}" for cell in cells}
    assert set(spec.test_sizes) <= places
    assert {metric for pair in spec.bounded_by for metric in pair} <= {cell.metric for cell in cells}
    assert set(spec.proportion_metrics) <= {cell.metric for cell in cells}
    assert {setting for row in spec.growing for setting in row} <= {cell.setting for cell in cells}


def test_every_hyper_parameter_says_where_it_comes_from(files: Files) -> None:
    for section, values in files.paper.defaults.items():
        for key, sourced in values.items():
            assert len(sourced.source) > 5, (section, key)


def test_mm_mixing_shows_what_its_abstract_leaves_open() -> None:
    """The two numbers that are assigned to cells by inference are never shown without saying so."""
    files = Files("mm_mixing")
    for claim in files.report.claims[:2]:
        assert "inferred" in claim.text and "inferred" in claim.origin, claim.id
    for table in files.report.tables:
        cells = [cell for cell in files.published if cell.table in table.published]
        if any(cell.text in ("61.9", "51.4") and cell.evidence == "abstract" for cell in cells):
            assert "inference" in table.note, table.id
    assert [claim.id for claim in files.report.claims] == [f"C{n}" for n in range(1, 15)] + [
        f"K{n}" for n in range(1, 14)
    ]


def test_the_audit_of_mm_mixing() -> None:
    """The abstract's numbers agree with each other and with OpenShape's table; 61.9 depends on the test set."""
    files = Files("mm_mixing")
    found = audit(files.published, files.report.audit)
    assert not [f for f in found if f.check in ("range", "duplicate", "bound") or f.severity == "contradiction"]
    [headline] = [f for f in found if f.cell.table == "mm_mixing_zero_shot_grid"]
    assert (headline.severity, headline.cell.text) == ("dependent", "61.9") and "360/581" in headline.reason
    assert not [f for f in found if f.severity == "impossible"]
    [condition] = {f.condition for f in found if f.check == "proportion" and f.cell.dataset == "ScanObjectNN OBJ_ONLY"}
    assert "possible with 2890 items" in condition and "not with 581 items" in condition
    earlier = ("PointCLIP", "PointCLIP v2", "ReCon", "CG3D", "CLIP2Point", "ULIP-PointBERT (official)")
    assert not [f for f in found if f.check == "proportion" and f.cell.method in earlier]
    [falling] = [f for f in found if f.check == "falls with more data"]
    assert falling.cell.dataset == "OmniObject3D"
    assert all(re.search(r"on line \d+", f.reason) for f in found if f.check == "identity")


def settings_of(files: Files, name: str) -> dict[str, dict[str, Any]]:
    """The sections of an experiment at paper settings: the paper's defaults with the experiment's changes."""
    settings = Settings.of_defaults(files.paper.defaults, Place(ROOT, paper_yaml(files.name)))
    settings.apply(files.paper.experiments[name].set, Place(ROOT, paper_yaml(files.name)))
    return settings.values


def test_every_experiment_of_mm_mixing_is_one_that_can_be_trained() -> None:
    files = Files("mm_mixing")
    builders = {
        "point_bert": PointBERT,
        "mink_resnet34": MinkResNet34,
        "dgcnn": DGCNN,
        "cylindrical_descriptor": CylindricalDescriptor,
    }
    defaults = set(files.paper.defaults["objective"])
    assert defaults == set(MMMixingSettings.model_fields), "every switch of the objective says where it comes from"
    for name, experiment in files.paper.experiments.items():
        sections = settings_of(files, name)
        TrainingSettings.model_validate(sections["training"])
        encoder = dict(sections["encoder"])
        if experiment.method in ("depth_views", "tower_and_encoder"):
            assert encoder == {"name": experiment.method} and sections["training"]["epochs"] == 0, "nothing learns"
            continue
        assert set(encoder) - {"name"} <= set(signature(builders[encoder["name"]]).parameters), name
        objective = MMMixingSettings.model_validate(sections["objective"])
        if experiment.method is None:
            assert set(objective.roles) == set(experiment.needs), f"{name}: a teacher where one is used"
        for earlier in experiment.needs.values():
            taught = settings_of(files, earlier)
            assert (taught["encoder"], taught["data"]) == (sections["encoder"], sections["data"]), name


def test_the_defaults_of_mm_mixing_are_the_encoder_at_full_size() -> None:
    encoder = {key: sourced.value for key, sourced in Files("mm_mixing").paper.defaults["encoder"].items()}
    assert encoder.pop("name") == "point_bert"
    assert encoder == {name: entry.default for name, entry in signature(PointBERT).parameters.items()}


def test_a_control_of_mm_mixing_has_the_budget_of_both_stages() -> None:
    files = Files("mm_mixing")
    both = sum(settings_of(files, name)["training"]["epochs"] for name in ("stage1", "full"))
    assert settings_of(files, "k1")["training"]["epochs"] == both
    assert settings_of(files, "k1")["objective"] == settings_of(files, "baseline")["objective"]
    for name in ("k2_stage1", "k2"):
        assert settings_of(files, name)["objective"]["lambda_fixed"] == 1.0
