"""Named errors: what happened, where, what was expected, what was found, and what to do next."""

from __future__ import annotations

from difflib import get_close_matches


class ConcordError(Exception):
    """Root of every error that Concord3D raises on purpose.

    Args:
        what: One sentence saying what went wrong.
        where: File, key or URL concerned.
        expected: What would have been right.
        found: What was there instead.
        next_step: The command or action that mends it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: object = None,
        found: object = None,
        next_step: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.found, self.next_step = what, where, expected, found, next_step
        lines = [what]
        for label, value in (("where", where), ("expected", expected), ("found", found), ("next", next_step)):
            if value is not None:
                lines.append(f"  {label}: {value}")
        super().__init__("\n".join(lines))


class ConfigError(ConcordError):
    """A configuration file holds an unknown key, a wrong type or an impossible value."""


class DatasetError(ConcordError):
    """Something about a data set; see the subclasses."""


class DatasetMissing(DatasetError):
    """A data set is not on this machine."""


class DatasetCorrupt(DatasetError):
    """A data set's file does not have the recorded size or checksum."""


class WrongRelease(DatasetError):
    """A data set is readable but is not one of the accepted releases (counts, classes)."""


class LicenceGate(DatasetError):
    """A data set needs a form or a login before it may be used."""


class DownloadError(DatasetError):
    """No mirror delivered the file."""


class UnsafeArchive(DatasetError):
    """An archive holds a path, link or size that must not be unpacked."""


class UnreadableFile(ConcordError):
    """A file is truncated, of another format, or lacks a key."""


class ArtifactDamaged(ConcordError):
    """A file of an artifact is absent, or its bytes are not those that its record holds."""


class ArtifactStale(ConcordError):
    """An artifact was made of something else than the configuration and the sources ask for."""


class BadCloud(ConcordError):
    """A point cloud is empty, not finite, or has fewer points than asked."""


class BadMesh(ConcordError):
    """A mesh has no faces, broken indices or values that are not finite."""


class RenderError(ConcordError):
    """A renderer was asked for something it cannot do."""


class DependencyMissing(ConcordError):
    """An optional library cannot be imported."""


class SystemLibraryMissing(DependencyMissing):
    """A system library that a Python package loads is absent."""


class DiskFull(ConcordError):
    """The disk has no room, or a file is larger than is allowed."""


class NotWritable(ConcordError):
    """A file or folder cannot be used: permissions, a file system that is only read, or too long a name."""


class OutOfMemory(ConcordError):
    """The machine, a limit on the process, or the device has not enough memory."""


class TooManyFiles(ConcordError):
    """The system does not let a process open as many files as it needs."""


class TrainingError(ConcordError):
    """Something about a training run; see the subclasses."""


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite."""


class ResumeMismatch(TrainingError):
    """A checkpoint belongs to another configuration."""


class CheckpointCorrupt(TrainingError):
    """A checkpoint or weights file cannot be read or does not fit the model."""


class EvaluationError(ConcordError):
    """An evaluation protocol cannot be applied to its input."""


class ReportingError(ConcordError):
    """A result file needed for the report is missing a column or contradicts itself."""


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """Return ``; did you mean 'x'?`` for the valid name closest to ``name``, or an empty string."""
    match = get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""
