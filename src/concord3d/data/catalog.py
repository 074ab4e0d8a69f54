"""The catalogue of real data sets: what ``datasets.yaml`` may say about each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from concord3d.config.places import Place
from concord3d.config.strict_yaml import load_yaml
from concord3d.config.validation import StrictModel, validate
from concord3d.data.readers import reader_names
from concord3d.data.scan_labels import ScanLabels
from concord3d.data.scans.options import ScanOptions
from concord3d.errors import ConfigError, nearest


def known_reader(name: str) -> str:
    """Return ``name``; ValueError when no reader has it."""
    if name not in reader_names():
        raise ValueError(f"unknown reader '{name}'{nearest(name, reader_names())} ({', '.join(reader_names())})")
    return name


def path_inside(path: str) -> str:
    """Return ``path``; ValueError when it could lead out of the folder it is relative to."""
    if not path or path.startswith("/") or ".." in Path(path).parts:
        raise ValueError(f"{path!r} must be a relative path without '..'")
    return path


class FileSpec(StrictModel):
    """One file to obtain.

    Attributes:
        path: Its name below the folder of archives and on directory mirrors.
        urls: Addresses in the order they are tried.
        sha256: Hex digest, or null while unknown.
        bytes: Size, or null while unknown.
        archive: How to unpack it.
        unpack_to: Folder below the root that receives the contents.
        members: Glob patterns of the members to unpack; empty means all.
        optional: The data set is usable without it, so its absence is no error.
        alone: It holds another release by itself. Where it lies among the archives or on a mirror it is unpacked
            instead of all others; it is never downloaded.
    """

    path: str
    urls: tuple[str, ...] = ()
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt | None = None
    archive: Literal["zip", "tar", "none"]
    unpack_to: str = "."
    members: tuple[str, ...] = ()
    optional: bool = False
    # What a file is not is no part of its identity.
    alone: bool = Field(default=False, exclude_if=lambda alone: not alone)

    _paths = field_validator("path", "unpack_to")(path_inside)

    @model_validator(mode="after")
    def _alone_is_not_downloaded(self) -> FileSpec:
        if self.alone and (self.urls or self.optional):
            raise ValueError("a file that stands alone has no 'urls' and is not 'optional'")
        return self


class Licence(StrictModel):
    """Terms, and what stands before the download (``gate``).

    ``open``: nothing; ``form`` and ``login``: as they say; ``collection``: nobody offers the files as one archive, they
    are collected by hand.
    """

    name: str
    url: str
    gate: Literal["open", "form", "login", "collection"]
    instructions: str | None = None

    @model_validator(mode="after")
    def _gate_is_explained(self) -> Licence:
        if self.gate != "open" and not self.instructions:
            raise ValueError("a gated data set needs 'instructions'")
        return self


class SplitSpec(StrictModel):
    """Files of one split: glob patterns below the layout folder, read in natural order.

    Attributes:
        patterns: Globs; a file matched twice is read once.
        list_file: File naming the members, of which none may be missing where it exists.
        areas: S3DIS areas of the split.
        list_json: JSON list of the shapes of the split (release of OpenShape).
    """

    patterns: tuple[str, ...] = Field(min_length=1)
    list_file: str | None = None
    areas: tuple[PositiveInt, ...] | None = None
    list_json: str | None = None


class Release(StrictModel):
    """One accepted content of a data set; null or absent values are not checked. The dtype ``text`` means words.

    ``about`` holds shapes per split where no exact number is known: for estimates, never checked.
    """

    name: str
    counts: dict[str, PositiveInt] = {}
    about: dict[str, PositiveInt] = {}
    num_points: PositiveInt | None = None
    dtype: Literal["float16", "float32", "float64", "text"] | None = None
    note: str | None = None


class DatasetSpec(StrictModel):
    """One data set (see the head of ``datasets.yaml`` for the meaning of the keys)."""

    id: str
    title: str
    reader: str
    folders: tuple[str, ...]
    files: list[FileSpec]
    licence: Licence
    splits: dict[str, SplitSpec] = Field(min_length=1)
    releases: list[Release] = Field(min_length=1)
    class_names: tuple[str, ...]
    class_parts: tuple[PositiveInt, ...] = ()
    max_radius: PositiveFloat | None = None
    up_axis: Literal["y", "z"] = "y"
    intensity_range: PositiveFloat | None = None
    no_class: NonNegativeInt | None = None
    picture_size: tuple[PositiveInt, PositiveInt] | None = None
    held_out: float | None = Field(default=None, gt=0, lt=1)
    scans: ScanOptions | None = None
    # What a data set does not have is no part of its identity.
    scan_labels: ScanLabels | None = Field(default=None, exclude_if=lambda labels: labels is None)
    block_stride: float | None = Field(default=None, gt=0, le=1, exclude_if=lambda stride: stride is None)
    doc: str

    _reader = field_validator("reader")(known_reader)
    _paths = field_validator("folders")(lambda folders: tuple(path_inside(folder) for folder in folders))

    @field_validator("files", mode="before")
    @classmethod
    def _shards_are_files(cls, files: Any) -> Any:
        """Write out entries with ``shards: n``: ``{shard:03d}`` in their path and urls becomes 000 to n - 1."""
        if not isinstance(files, list):
            return files
        return [single for entry in files for single in (_shards(entry) if isinstance(entry, dict) else [entry])]

    @model_validator(mode="after")
    def _releases_know_the_splits(self) -> DatasetSpec:
        for release in self.releases:
            unknown = set(release.counts) - set(self.splits)
            if unknown:
                raise ValueError(f"release '{release.name}' counts splits that do not exist: {sorted(unknown)}")
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError("a class name stands twice")
        if self.files and all(file.alone for file in self.files):
            raise ValueError("'files' needs one that does not stand alone")
        if self.class_parts and len(self.class_parts) != len(self.class_names):
            raise ValueError(
                f"'class_parts' counts the parts of {len(self.class_parts)} of {len(self.class_names)} classes"
            )
        if self.scan_labels is not None and tuple(self.scan_labels.classes) != self.class_names:
            raise ValueError("'scan_labels.classes' must name the classes of 'class_names' in their order")
        if self.held_out is not None and not {"train", "test"} <= set(self.splits):
            raise ValueError("'held_out' is a share of the names for the split 'test': it needs 'train' and 'test'")
        return self


def _shards(entry: dict[str, Any]) -> list[dict[str, Any]]:
    if "shards" not in entry:
        return [entry]
    count = entry["shards"]
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"'shards' must be a whole number of at least 1 (found {count!r})")
    rest = {key: value for key, value in entry.items() if key not in ("shards", "path", "urls")}
    path, urls = str(entry.get("path", "")), [str(url) for url in entry.get("urls", ())]
    if count > 1 and "{shard" not in path:
        raise ValueError(f"the path {path!r} of {count} shards needs a place for their number, as in {{shard:03d}}")
    try:
        return [
            {**rest, "path": path.format(shard=shard), "urls": [url.format(shard=shard) for url in urls]}
            for shard in range(count)
        ]
    except (KeyError, IndexError) as error:
        raise ValueError(f"{path!r} and its addresses may hold no place but {{shard}} (found {error})") from error


def load_catalog(path: Path) -> dict[str, DatasetSpec]:
    """Read ``datasets.yaml``.

    Args:
        path: The file.

    Returns:
        One specification per data set, by identifier, in the order of the file.

    Raises:
        ConfigError: Not a valid catalogue; an unknown key is named with the nearest valid one.
    """
    content = load_yaml(path)
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise ConfigError(f"The entry '{name}' is no mapping", where=path, found=type(entry).__name__)
        if "id" in entry:
            raise ConfigError(f"The entry '{name}' repeats its id", where=path, next_step="delete the key 'id'")
    place = Place(Path(), path)
    return {
        str(name): validate(DatasetSpec, {"id": str(name), **entry}, place.below(name))
        for name, entry in content.items()
    }


def find_dataset(catalog: dict[str, DatasetSpec], name: str) -> DatasetSpec:
    """Return the entry ``name``.

    Raises:
        ConfigError: No such data set; the nearest name is given.
    """
    if name not in catalog:
        raise ConfigError(f"Unknown data set '{name}'{nearest(name, list(catalog))}", expected=", ".join(catalog))
    return catalog[name]
