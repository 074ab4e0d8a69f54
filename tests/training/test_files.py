"""Where the files of a training lie."""

from pathlib import Path

from concord3d.training.files import TrainingFolder


def test_every_file_has_its_place() -> None:
    files = TrainingFolder(Path("t"))
    places = {
        "weights/teacher.point.safetensors": files.weights("teacher.point"),
        "snapshots/point/epoch_0000.safetensors": files.snapshot("point", 0),
        "snapshots/image/epoch_0250.safetensors": files.snapshot("image", 250),
        "exports/pseudo_labels/epoch_0003.npz": files.export("pseudo_labels", 3),
        "gate.json": files.report("gate"),
        "train.json": files.history,
        "run.json": files.machine,
        "provenance.json": files.provenance,
    }
    assert {path.as_posix() for path in places.values()} == {f"t/{place}" for place in places}
    assert files.snapshots == Path("t/snapshots") and files.exports == Path("t/exports")
    apart = TrainingFolder(Path("t"), Path("e"))
    assert apart.export("pseudo_labels", 3) == Path("e/pseudo_labels/epoch_0003.npz") and apart.history == files.history
