"""Zip files of a scan's pictures or masks."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Self

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import DatasetMissing, UnreadableFile


class ScanArchive:
    """Files in a zip file that is open inside a ``with``, by their names without folders.

    Args:
        path: The zip file.
        what: What it holds, for messages: ``pictures`` or ``masks``.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what

    def __enter__(self) -> Self:
        if not self.path.is_file():
            raise DatasetMissing(
                f"A scan has no {self.what}", where=self.path, next_step=f"download {self.path.name} again"
            )
        try:
            self._archive = zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from error
        self._members = {Path(name).name: name for name in self._archive.namelist()}
        return self

    def __exit__(self, *_: Any) -> None:
        self._archive.close()

    def names(self) -> list[str]:
        """Return the names of all files, without folders."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            DatasetMissing: It is absent.
            UnreadableFile: It is damaged.
        """
        member = self._members.get(name)
        if member is None:
            raise DatasetMissing(
                f"The {self.what} of a scan lack a file",
                where=self.path,
                expected=name,
                next_step=f"download {self.path.name} again",
            )
        try:
            return self._archive.read(member)
        except (OSError, zipfile.BadZipFile, EOFError) as error:
            raise self._damaged(f"{name}: {error}") from error

    def _damaged(self, error: object) -> UnreadableFile:
        return UnreadableFile(f"Cannot read {self.what} of a scan", where=self.path, found=error, next_step=NEXT_STEP)
