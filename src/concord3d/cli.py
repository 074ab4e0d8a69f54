"""The command line of Concord3D: runs, reports and their checks, data, and encoders on data of your own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from concord3d.errors import ConcordError, ConfigError
from concord3d.refusals import named_refusal


def _clone(root: Path) -> Path:
    """Refuse a folder that is not a clone: configuration and catalogue are not part of the installed package."""
    if not (root / "params.yaml").is_file():
        raise ConfigError(
            "This folder is not a clone of Concord3D",
            where=root.resolve(),
            expected="params.yaml, papers/, config/ and datasets/",
            next_step="change into the clone, or name it with --root",
        )
    return root


app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Root = Annotated[Path, typer.Option(help="The repository.", callback=_clone)]
AnyFolder = Annotated[Path, typer.Option(help="The repository.")]
ScaleOption = Annotated[str | None, typer.Option(help="smoke, demo, small or paper; default: params.yaml.")]


@app.command()
def run(
    root: Root = Path(),
    scale: ScaleOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the jobs and run none.")] = False,
) -> None:
    """Make every table, figure and verdict that params.yaml asks for."""
    from concord3d.commands.workflow import run_workflow

    raise typer.Exit(run_workflow(root, scale, dry_run=dry_run))


@app.command()
def doctor(
    root: AnyFolder = Path(),
    brief: Annotated[bool, typer.Option("--brief", help="Check only what would stop the default run.")] = False,
) -> None:
    """Check this machine: libraries, GPU, data, Snakemake against DVC, with the next command for each problem."""
    from concord3d.commands.doctor import examine

    raise typer.Exit(examine(root, brief=brief))


@app.command()
def hydrate(root: Root = Path()) -> None:
    """After a clone: pull artifacts with DVC and tell Snakemake that they are up to date."""
    from concord3d.commands.hydrate import hydrate as do_hydrate

    do_hydrate(root)


@app.command()
def estimate(root: Root = Path(), scale: ScaleOption = None) -> None:
    """Print jobs, hours, memory and disk of a scale before anything runs."""
    from concord3d.commands.estimate import print_estimate

    print_estimate(root, scale)


@app.command()
def costs(
    root: Root = Path(),
    scale: ScaleOption = None,
    record: Annotated[bool, typer.Option("--record", help="Write config/costs/<scale>.csv for estimates.")] = False,
) -> None:
    """Print what every kind of node of a finished run in this clone has cost."""
    from concord3d.commands.costs import show_costs

    show_costs(root, scale, record)


@app.command()
def release(
    root: Root = Path(),
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("dist"),
    scale: Annotated[str, typer.Option(help="The scale that evaluators of the artifact run.")] = "demo",
) -> None:
    """Write the archive of the present commit as an RO-Crate, metadata for Zenodo, an artifact appendix, checksums."""
    from concord3d.commands.artifact_appendix import artifact_appendix
    from concord3d.commands.release import make_release

    for path in make_release(root, out, artifact_appendix(root, scale)):
        print(path)


@app.command()
def report(
    root: Root = Path(),
    scale: ScaleOption = None,
    from_results: Annotated[
        bool, typer.Option("--from-results", help="From the numbers in results/ alone, as a clone has them.")
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Keep the rows in results/ of trainings that were not evaluated here.")
    ] = False,
) -> None:
    """Write the report of what has been run so far; what is missing is shown as not run."""
    from concord3d.commands.report import report_from_results, report_now

    if from_results and add:
        raise typer.BadParameter("--from-results reads no artifacts, so there is nothing to --add")
    if from_results:
        report_from_results(root, scale)
    else:
        report_now(root, scale, add=add)


@app.command()
def site(
    root: Root = Path(),
    scale: Annotated[
        str | None, typer.Option(help="smoke, demo, small or paper; default: all that have results.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Its folder, which is replaced; default: build/site.")] = None,
) -> None:
    """Build static pages of the results that are there: claims, tables, figures, runs, and a 3D viewer."""
    from concord3d.commands.site import make_site

    print(f"Read {make_site(root, [scale] if scale else None, out)}")


@app.command()
def query(
    photo: Annotated[list[Path] | None, typer.Option(help="A picture of the scene; repeat it for several.")] = None,
    sentence: Annotated[str | None, typer.Option(help="A sentence about the scene.")] = None,
    cloud: Annotated[Path | None, typer.Option(help="PLY or NPZ with colours, in metres, z up.")] = None,
    floorplan: Annotated[Path | None, typer.Option(help="A picture of the floorplan.")] = None,
    scan: Annotated[str | None, typer.Option(help="A scan of the store, by one modality.")] = None,
    by: Annotated[str, typer.Option(help="The modality of --scan: image, point, referral or floorplan.")] = "image",
    dataset: Annotated[str, typer.Option(help="Whose tested scans are searched.")] = "scannet",
    among: Annotated[str, typer.Option(help="Modality that is searched: point, image, referral, floorplan.")] = "point",
    count: Annotated[int, typer.Option(help="Scans to show.")] = 4,
    out: Annotated[Path | None, typer.Option(help="Folder for pictures of what is found.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    paper: Annotated[str, typer.Option(help="Whose training encodes.")] = "crossover",
    experiment: Annotated[str, typer.Option(help="Which training.")] = "scene_crossover",
    seed: Annotated[int | None, typer.Option(help="Its seed; default: the first.")] = None,
    root: Root = Path(),
    scale: ScaleOption = None,
) -> None:
    """Find the scenes that are closest to a picture, a sentence, a cloud or a floorplan, and the query's objects."""
    from concord3d.commands.query import Asked, Trained, answer_query

    asked = Asked(tuple(photo or ()), sentence, cloud, floorplan, scan, by)
    answer_query(root, asked, Trained(scale, paper, experiment, seed), dataset, among, count, out, as_json)


OwnFiles = Annotated[Path, typer.Argument(help="Folder of meshes or clouds, or a file of clouds.")]
EncoderName = Annotated[str, typer.Option(help="<scale>/<paper>/<experiment>@s<seed>, a path, or module:function.")]
ReleaseSource = Annotated[str | None, typer.Option(help="Path or address of a release that holds the encoder.")]
Sha256 = Annotated[str | None, typer.Option(help="Checksum of the release; an address needs it.")]
UpAxis = Annotated[Literal["auto", "y", "z"], typer.Option(help="Axis that points up; auto: by the format.")]
WhenNormalised = Annotated[
    Literal["auto", "always", "never"], typer.Option(help="Centre clouds and bring them into the unit sphere.")
]
NumPoints = Annotated[int | None, typer.Option(min=1, help="Points per cloud; default: those of the training.")]
DataLayout = Annotated[str | None, typer.Option(help="A data set of the catalogue, in whose layout the folder is.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where the encoder runs.")]
OutFolder = Annotated[Path, typer.Option(help="Folder that receives the files.")]


@app.command()
def embed(
    data: OwnFiles,
    encoder: EncoderName,
    out: OutFolder = Path("embeddings"),
    layer: Annotated[Literal["output", "backbone"], typer.Option(help="Backbone: before the projection.")] = "output",
    release: ReleaseSource = None,
    sha256: Sha256 = None,
    up: UpAxis = "auto",
    normalise: WhenNormalised = "auto",
    num_points: NumPoints = None,
    layout: DataLayout = None,
    device: Device = "cpu",
    root: AnyFolder = Path(),
) -> None:
    """Encode meshes or clouds of your own (docs/OWN_DATA.md)."""
    from concord3d.commands.own_data import Given
    from concord3d.commands.own_data import embed as embed_own

    given = Given(data, encoder, root, release, sha256, up, normalise, num_points, layout, device)
    embed_own(given, out, layer)


@app.command()
def evaluate(
    data: OwnFiles,
    encoder: EncoderName,
    protocol: Annotated[list[str], typer.Option(help="zero_shot, linear_probe, knn, retrieval, ...; repeatable.")],
    out: OutFolder = Path("evaluation"),
    changes: Annotated[list[str] | None, typer.Option("--set", help="A setting as key=value; repeatable.")] = None,
    test_share: Annotated[float, typer.Option(help="Share of each class that is tested, without folders.")] = 0.3,
    split_seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
    release: ReleaseSource = None,
    sha256: Sha256 = None,
    up: UpAxis = "auto",
    normalise: WhenNormalised = "auto",
    num_points: NumPoints = None,
    layout: DataLayout = None,
    device: Device = "cpu",
    root: AnyFolder = Path(),
) -> None:
    """Measure an encoder on meshes or clouds of your own by the protocols of the papers (docs/OWN_DATA.md)."""
    from concord3d.commands.own_data import Given
    from concord3d.commands.own_data import evaluate as evaluate_own
    from concord3d.own_data.splitting import SeededSplit

    given = Given(data, encoder, root, release, sha256, up, normalise, num_points, layout, device)
    evaluate_own(given, protocol, changes or [], SeededSplit(test_share, split_seed), out)


@app.command("release-encoders")
def release_encoders_command(
    scale: Annotated[str, typer.Argument(help="smoke, demo, small or paper.")],
    names: Annotated[list[str] | None, typer.Argument(help="Trainings; default: all of the scale.")] = None,
    out: Annotated[Path | None, typer.Option(help="The tar file; default: encoders-<scale>.tar.")] = None,
    root: Root = Path(),
) -> None:
    """Write trained encoders with their towers, checksums and a manifest as one tar file."""
    from concord3d.commands.own_data import release_encoders

    release_encoders(root, scale, out or Path(f"encoders-{scale}.tar"), names or [])


@app.command()
def status(root: Root = Path()) -> None:
    """List every data set: present, missing (with the exact step) or corrupt."""
    from concord3d.commands.data import print_status

    raise typer.Exit(print_status(root))


@app.command()
def check(
    root: Root = Path(),
    scale: ScaleOption = None,
    stage: Annotated[str | None, typer.Option(help="Only one stage of dvc.yaml.")] = None,
    papers: Annotated[str | None, typer.Option(help="Replace the papers of params.yaml, separated by commas.")] = None,
) -> None:
    """Compare what every artifact was made of with what is asked now; fails where they differ."""
    from concord3d.commands.nodes import check as check_nodes

    check_nodes(root, scale, papers.split(",") if papers else None, stage)


@app.command("accept-source")
def accept_source(
    nodes: Annotated[list[str], typer.Argument(help="Nodes such as 'mm_point/train/*'.")],
    because: Annotated[str, typer.Option(help="Why no number changes; it stands in record and ledger.")],
    root: Root = Path(),
    scale: ScaleOption = None,
) -> None:
    """Declare that an edit of the sources changes no number of these nodes, so that they are not made again."""
    from concord3d.commands.nodes import accept

    accept(root, scale, nodes, because)


@app.command()
def compare(
    root: Root = Path(),
    to: Annotated[str | None, typer.Option(help="A revision, or a folder with results; default: HEAD.")] = None,
    scale: ScaleOption = None,
    form: Annotated[Literal["md", "json"], typer.Option("--format", help="Markdown or JSON.")] = "md",
) -> None:
    """Compare results with those of a revision or folder; exit code 0: they agree, 3: differ, 4: nothing to compare."""
    from concord3d.commands.compare import compare_results

    raise typer.Exit(compare_results(root, scale, to, form))


@app.command("new-paper")
def new_paper_command(
    name: Annotated[str, typer.Argument(help="What files and commands call it, e.g. point_clip.")], root: Root = Path()
) -> None:
    """Write the folder of a new paper: valid files with one experiment, one protocol, one table and one claim."""
    from concord3d.commands.new_paper import new_paper

    new_paper(root, name)


@app.command("schemas")
def schemas_command(root: Root = Path()) -> None:
    """Write the JSON schemas of the configuration files, which editors complete and check with."""
    from concord3d.commands.schemas import write_schemas

    write_schemas(root)


@app.command()
def verify(root: Root = Path()) -> None:
    """Check every byte of data sets and artifacts against their recorded checksums; prints what mends damage."""
    from concord3d.commands.data import verify_all

    raise typer.Exit(verify_all(root))


def main() -> None:
    """Entry point: a named error, or what the machine refuses, ends with its message and its exit code, else 1."""
    try:
        app()
    except Exception as error:
        named = error if isinstance(error, ConcordError) else named_refusal(error)
        if named is None:
            raise
        print(f"{type(named).__name__}: {named}", file=sys.stderr)
        sys.exit(getattr(named, "exit_code", 1))


if __name__ == "__main__":
    main()
