"""One call for every encoder: by the name of a run, of a release's, of a file, or of a user's function."""

from __future__ import annotations

from pathlib import Path

from concord3d.errors import ConfigError, nearest
from concord3d.files import sha256_file
from concord3d.layout import PARAMS
from concord3d.methods.interface import saved_module
from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.pretrained.own_module import load_own_module
from concord3d.pretrained.release import Release
from concord3d.pretrained.runs import MODULE, RunName, config_in, load_run, require_objects, runs_in
from concord3d.training.files import TrainingFolder

_FORMS = "<scale>/<paper>/<experiment>@s<seed>, a .safetensors file or the folder of a training, or module:function"


def load_encoder(
    name: str, root: Path | str = ".", release: str | None = None, sha256: str | None = None
) -> PretrainedEncoder:
    """Return a point encoder in evaluation mode, on the CPU.

    Args:
        name: ``<scale>/<paper>/<experiment>@s<seed>``, a training of this repository or of a release; the path of
            weights that a training wrote, or of its folder; or ``module:function`` of your own
            (:mod:`concord3d.pretrained.own_module`).
        root: The repository that holds the trainings.
        release: Path or address of a release that holds the encoder.
        sha256: Checksum of that release.

    Raises:
        ConfigError: There is no such encoder, with the nearest that there is.
        ArtifactDamaged: Weights differ from their checksum.
        ConcordError: See :meth:`concord3d.pretrained.release.Release.open`.

    Example:
        >>> import numpy as np
        >>> encoder = load_encoder("concord3d.models.dgcnn:DGCNN")
        >>> encoder.embed(np.random.default_rng(0).random((2, 1024, 3), np.float32)).shape
        (2, 2048)
    """
    root, run = Path(root), RunName.of(name)
    if release is not None:
        return Release.open(release, sha256).encoder(name)
    if run is not None and not Path(name).exists():
        return load_run(root, run)
    if Path(name).exists():
        return _from_path(Path(name))
    if ":" in name:
        return load_own_module(name)
    known = [str(each) for each in runs_in(root)]
    raise ConfigError(f"There is no encoder '{name}'{nearest(name, known)}", expected=_FORMS, found=name)


def _from_path(path: Path) -> PretrainedEncoder:
    """Return the encoder of a file, whose training left its provenance in a folder above."""
    weights = TrainingFolder(path).weights(MODULE) if path.is_dir() else path
    places = [path] if path.is_dir() else list(path.absolute().parents)[:3]
    training = next((folder for folder in places if TrainingFolder(folder).provenance.is_file()), None)
    if training is None or not weights.is_file():
        raise ConfigError(
            "No weights of a training",
            where=path,
            expected="the folder of a training, or weights/point.safetensors or a snapshot in it, with its "
            "provenance.json, which says what the encoder is",
            next_step="build the encoder in a function of yours and name it as module:function",
        )
    # Of a training that lies in a repository, tower and protocols are known too.
    above = list(training.absolute().parents)
    if len(above) > 4 and (above[4] / PARAMS).is_file():
        experiment, _, seed = training.name.rpartition("__s")
        run_name = RunName.of(f"{above[2].name}/{above[1].name}/{experiment}@s{seed}")
        if run_name is not None and (above[4] / run_name.record).is_file():
            return load_run(above[4], run_name, weights.absolute())
    run = config_in(TrainingFolder(training).provenance)
    require_objects(run, str(path))
    module = saved_module(run, MODULE, weights).eval()
    return PretrainedEncoder(str(path), module, run, f"the file {weights.name}", weights, sha256_file(weights))
