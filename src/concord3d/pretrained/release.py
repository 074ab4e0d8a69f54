"""Releases of encoders: a tar file with weights, the towers that they are aligned with, and a manifest of checksums.

The bytes of a release depend on what it holds alone.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord3d.config.resolve import load_study
from concord3d.data.archives import extract
from concord3d.data.catalog import FileSpec
from concord3d.data.download import fetch
from concord3d.errors import ArtifactDamaged, ConfigError, UnreadableFile, nearest
from concord3d.features.tower import TowerSpec
from concord3d.files import atomic_path, read_json, sha256_file, write_text
from concord3d.layout import TOWER_WEIGHTS
from concord3d.methods.interface import saved_module
from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.pretrained.runs import MODULE, RunName, load_run, protocol_settings, runs_in

FORMAT = 1
MANIFEST = "manifest.json"
# Names the folder in which releases are unpacked.
CACHE_VARIABLE = "CONCORD3D_CACHE"


def write_release(root: Path, scale: str, out: Path, names: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Write the encoders of a scale as one tar file, and its checksum beside it as ``<out>.sha256``.

    Args:
        root: The repository.
        scale: The scale.
        out: The file to write.
        names: ``<scale>/<paper>/<experiment>@s<seed>``; none stands for all trainings of the scale that are there.

    Returns:
        The checksum, and the names of the encoders.

    Raises:
        ConfigError: There is no such training, or none at all.
        ArtifactDamaged: Weights differ from the record of their training.
    """
    chosen = [_named(name, scale) for name in names] or list(runs_in(root, scale))
    if not chosen:
        raise ConfigError(
            f"There is no encoder of scale '{scale}' to release",
            where=root / "artifacts" / scale,
            next_step=f"make some: snakemake --cores all --config scale={scale}",
        )
    files: dict[str, Path] = {}
    encoders, towers = {}, {}
    for name in chosen:
        encoder = load_run(root, name)
        assert encoder.weights is not None
        member = f"encoders/{name.paper}/{name.experiment}__s{name.seed}.safetensors"
        files[member] = encoder.weights
        tower = encoder.run["data"].get("tower") if encoder.tower is not None else None
        if encoder.tower is not None and tower not in towers:
            towers[tower] = _tower(encoder.tower, f"towers/{tower}", files)
        study = load_study(root, name.paper, scale)
        encoders[str(name)] = {
            "weights": member,
            "run": dict(encoder.run),
            "tower": tower,
            "protocols": protocol_settings(study),
            "git_commit": read_json(root / name.folder.provenance).get("git_commit"),
        }
    manifest = {
        "format": FORMAT,
        "scale": scale,
        "encoders": encoders,
        "towers": towers,
        "files": {
            member: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for member, path in files.items()
        },
    }
    _write_tar(out, manifest, files)
    digest = sha256_file(out)
    write_text(out.with_name(f"{out.name}.sha256"), f"{digest}  {out.name}\n")
    return digest, list(encoders)


def _named(name: str, scale: str) -> RunName:
    run = RunName.of(name)
    if run is None or run.scale != scale:
        raise ConfigError(
            "No name of a training of this scale", expected=f"{scale}/<paper>/<experiment>@s<seed>", found=name
        )
    return run


def _tower(spec: TowerSpec, folder: str, files: dict[str, Path]) -> dict[str, str]:
    """Return the members that open a tower; a model or weights of a publisher stay a name."""
    told = {}
    for key, value in {"model": spec.model, "weights": spec.weights}.items():
        path = Path(value)
        told[key] = f"{folder}/{path.name}" if path.is_file() else value
        files |= {told[key]: path} if path.is_file() else {}
    return told


def _write_tar(out: Path, manifest: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    body = (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    with atomic_path(out) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(_member(MANIFEST, len(body)), io.BytesIO(body))
        for name, path in sorted(files.items()):
            with path.open("rb") as stream:
                archive.addfile(_member(name, path.stat().st_size), stream)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


@dataclass(frozen=True)
class Release:
    """A release that was unpacked on this machine.

    Attributes:
        source: Path or address that it came from.
        sha256: Checksum of the tar file.
        folder: Where it was unpacked.
        manifest: What it says of itself.
    """

    source: str
    sha256: str
    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, source: str, sha256: str | None = None, cache: Path | None = None) -> Release:
        """Bring a release to this machine, check it and unpack it, unless that is done.

        Args:
            source: Path of the tar file, or its address (``http``, ``https``).
            sha256: Its checksum; an address needs one, for a path it is optional.
            cache: Where releases are unpacked; None for ``$CONCORD3D_CACHE``, else ``~/.cache/concord3d``.

        Raises:
            ConfigError: An address without a checksum.
            ArtifactDamaged: A file of another checksum.
            DownloadError, DatasetCorrupt: Nobody delivered it, or with other bytes.
            UnreadableFile, UnsafeArchive: It is damaged, or no release.
        """
        cache = cache or Path(os.environ.get(CACHE_VARIABLE, Path.home() / ".cache" / "concord3d"))
        path = _brought(source, sha256, cache)
        digest = sha256_file(path)
        if sha256 is not None and digest != sha256.lower():
            raise ArtifactDamaged("A release has another checksum", where=source, expected=sha256, found=digest)
        folder = cache / "releases" / digest
        if not (folder / MANIFEST).is_file():
            extract(path, "tar", folder)
        manifest = read_json(folder / MANIFEST)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise UnreadableFile("Not a release of encoders", where=source, expected=f"{MANIFEST} of format {FORMAT}")
        return cls(source, digest, folder, manifest)

    def encoder(self, name: str) -> PretrainedEncoder:
        """Return one of its encoders.

        Raises:
            ConfigError: It holds none of this name; the nearest is given.
            ArtifactDamaged: A file differs from the manifest.
            CheckpointCorrupt: The weights cannot be read or do not fit.
        """
        names = list(self.manifest["encoders"])
        if name not in names:
            raise ConfigError(
                f"The release holds no encoder '{name}'{nearest(name, names)}",
                where=self.source,
                expected=", ".join(names),
            )
        entry = self.manifest["encoders"][name]
        weights = self._file(entry["weights"])
        tower = None
        if entry["tower"] is not None:
            told = self.manifest["towers"][entry["tower"]]
            tower = TowerSpec(self._path_or_name(told["model"]), self._path_or_name(told["weights"]))
        return PretrainedEncoder(
            name,
            saved_module(entry["run"], MODULE, weights).eval(),
            entry["run"],
            f"the release {self.source.rpartition('/')[2]} (sha256 {self.sha256})",
            weights,
            self.manifest["files"][entry["weights"]]["sha256"],
            tower,
            TOWER_WEIGHTS,
            entry["protocols"],
        )

    def _path_or_name(self, value: str) -> str:
        return str(self._file(value)) if value in self.manifest["files"] else value

    def _file(self, member: str) -> Path:
        """Return a member whose bytes are those of the manifest."""
        path, entry = self.folder / member, self.manifest["files"][member]
        found = sha256_file(path) if path.is_file() else "absent"
        if found != entry["sha256"]:
            raise ArtifactDamaged(
                "A file of a release is absent or damaged",
                where=path,
                expected=entry["sha256"],
                found=found,
                next_step=f"rm -r '{self.folder}' and call again",
            )
        return path


def _brought(source: str, sha256: str | None, cache: Path) -> Path:
    if "://" not in source:
        path = Path(source)
        if not path.is_file():
            raise UnreadableFile("There is no such release", where=path, expected="a tar file of encoders")
        return path
    if sha256 is None:
        raise ConfigError(
            "A release at an address needs its checksum",
            where=source,
            expected="sha256=...",
            next_step="take it from where the address stands, or from the file <release>.sha256 beside it",
        )
    file = FileSpec(path=f"{sha256.lower()}.tar", urls=(source,), sha256=sha256.lower(), archive="tar")
    folder = cache / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    return fetch(file, folder)
