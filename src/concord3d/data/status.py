"""One line per data set: is it here, is it intact, and what is the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from concord3d.data.catalog import DatasetSpec
from concord3d.data.download import check_mirrors, local_mirror
from concord3d.data.manifest import MANIFEST
from concord3d.data.reading import recognise
from concord3d.data.verify import licence_gate, needed_files, unpacked_on_mirror, verify
from concord3d.errors import ConcordError, DatasetMissing, WrongRelease

State = Literal["present", "missing", "corrupt", "wrong_release"]


@dataclass(frozen=True)
class StatusRow:
    """State of one data set.

    Attributes:
        id: Data set.
        state: ``present``, ``missing``, ``corrupt`` or ``wrong_release``.
        where: Folder concerned.
        detail: Release and how it was checked, or what is wrong.
        next_step: What to do; empty when nothing is to be done.
    """

    id: str
    state: State
    where: Path
    detail: str
    next_step: str


def dataset_status(catalog: dict[str, DatasetSpec], root: Path, mirrors: Sequence[str] = ()) -> list[StatusRow]:
    """Look at every data set of the catalogue, without network and without changing anything.

    Args:
        catalog: The data sets.
        root: Folder with one folder per data set, named by its id.
        mirrors: As for :func:`concord3d.data.verify.obtain`.

    Returns:
        One row per data set, in the order of the catalogue.

    Raises:
        ConfigError: A mirror is a folder that does not exist.
    """
    check_mirrors(mirrors)
    return [_row(spec, root / spec.id, mirrors) for spec in catalog.values()]


def _row(spec: DatasetSpec, folder: Path, mirrors: Sequence[str]) -> StatusRow:
    try:
        if (folder / MANIFEST).is_file():
            release = verify(spec, folder)
            return StatusRow(spec.id, "present", folder, f"release '{release.name}', verified by size and samples", "")
        release = recognise(spec, folder)
        detail = f"release '{release.name}', not verified yet"
        return StatusRow(spec.id, "present", folder, detail, "")
    except WrongRelease as error:
        return StatusRow(spec.id, "wrong_release", folder, _one_line(error), error.next_step or "")
    except DatasetMissing as error:
        if (folder / MANIFEST).is_file():
            return StatusRow(spec.id, "corrupt", folder, _one_line(error), _anew(folder))
        return _missing(spec, folder, mirrors)
    except ConcordError as error:
        return StatusRow(spec.id, "corrupt", folder, _one_line(error), error.next_step or _anew(folder))


def _missing(spec: DatasetSpec, folder: Path, mirrors: Sequence[str]) -> StatusRow:
    for mirror in mirrors:
        source = unpacked_on_mirror(spec, mirror) or _archive_on(spec, mirror)
        if source is not None:
            return StatusRow(spec.id, "missing", folder, f"on the mirror: {source}", "run the workflow: it is copied")
    if spec.licence.gate == "open":
        return StatusRow(spec.id, "missing", folder, "open download", "run the workflow: it is downloaded")
    gate = licence_gate(spec, spec.files[0], folder / "archives")
    return StatusRow(spec.id, "missing", folder, f"{spec.licence.gate}: {spec.licence.url}", gate.next_step or "")


def _archive_on(spec: DatasetSpec, mirror: str) -> Path | None:
    folder = local_mirror(mirror)
    if folder is None:
        return None
    needed = [file for file in needed_files(spec, [folder]) if not file.optional]
    if not needed or not all((folder / file.path).is_file() for file in needed):
        return None
    return folder / needed[0].path


def _anew(folder: Path) -> str:
    return f"delete {folder / MANIFEST} and run again: the data set is obtained anew"


def _one_line(error: ConcordError) -> str:
    parts = [error.what] + [
        f"{k} {v}" for k, v in (("expected", error.expected), ("found", error.found)) if v is not None
    ]
    return "; ".join(" ".join(str(part).split()) for part in parts)
