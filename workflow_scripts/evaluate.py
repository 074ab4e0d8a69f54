"""Rule evaluate: the protocols of trained encoders; frozen features are computed once per encoder."""

from pathlib import Path

from job import NodeJob, make_nodes


def make(job: NodeJob) -> None:
    from concord3d.data.stores import open_store
    from concord3d.features.scan_files import ScanFiles
    from concord3d.protocols.evaluation.evaluate import evaluate_all
    from concord3d.protocols.evaluation.job import EvaluationJob
    from concord3d.protocols.evaluation.tower_features import TowerFeatures
    from concord3d.protocols.evaluation.tower_files import TowerFiles, read_tower_features
    from concord3d.training.seeding import set_threads

    run, module = job.params["run"], job.params["module"]
    set_threads(job.threads)
    splits = {(path.parent.name, path.stem): open_store(path) for path in sorted(set(job.files["stores"]))}
    # Of a data set whose test labels nobody has, the plan opens the validation split.
    tested = {dataset: split for name in ("val", "test") for (dataset, found), split in splits.items() if found == name}
    towers = {
        dataset: read_tower_features(
            tested[dataset], TowerFiles(**{need: Path(index) for need, index in indices.items()})
        )
        for dataset, indices in job.params["tower"].items()
    }
    scans = {
        dataset: ScanFiles(**{kind: Path(path) for kind, path in paths.items()})
        for dataset, paths in job.params["scans"].items()
    }
    outputs = [path for path in job.outputs if path.suffix == ".json"]
    evaluate_all(
        EvaluationJob(
            run_config=run,
            module=module,
            model_path=job.files["model"][0],
            snapshot_paths=sorted((job.files["snapshots"][0] / module).glob("*.safetensors")),
            train=splits.get((dataset, "train")),
            test=tested[dataset],
            protocol=protocol,
            settings=settings,
            out=out.with_suffix(""),
            device=job.device,
            tower=towers.get(dataset, TowerFeatures()),
            scan_files=scans.get(dataset),
        )
        for (protocol, dataset, settings), out in zip(job.params["jobs"], outputs, strict=True)
    )


make_nodes(snakemake, make)
