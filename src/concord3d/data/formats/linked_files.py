"""Files that a mesh names: found as their writers meant them, and only inside the data set.

Names come from other machines: with backslashes, in other case of letters, or with the folders of whoever wrote them.
"""

from __future__ import annotations

import io
import posixpath
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.findings import Findings, printable
from concord3d.data.formats.pictures import rgb8
from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile

_KTX = (b"\xabKTX 20\xbb", b"\xabKTX 11\xbb")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(content: bytes) -> str:
    """Return a text whose encoding nobody states; bytes that are not UTF-8 are kept as file names have them."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    return content.decode(encoding, errors="surrogateescape" if encoding.startswith("utf-8") else "replace")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, which end as editors end them; other separators of Unicode belong to comments."""
    return _LINE_END.split(text)


@dataclass
class LinkedFiles:
    """The files that one mesh names.

    Attributes:
        mesh: The mesh's own file.
        root: Folder that they must lie in.
        findings: Receives those that are not there.
    """

    mesh: Path
    root: Path
    findings: Findings
    _pictures: dict[Path, NDArray[np.uint8] | None] = field(default_factory=dict)

    def find(self, name: str, beside: Path | None = None) -> Path | None:
        """Return the file that ``name`` means, or None where it is not there.

        An absolute path is of the machine that wrote it: its last part is looked for.

        Args:
            name: As the mesh, or a file that it names, has it.
            beside: Folder that it is relative to, the mesh's own by default.

        Raises:
            UnreadableFile: The path leaves the root.
        """
        cleaned = name.strip().strip('"').replace("\\", "/")
        if cleaned.startswith("/") or re.match(r"[A-Za-z]:", cleaned):
            cleaned = posixpath.basename(cleaned)
        folder, root = (self.mesh.parent if beside is None else beside).absolute(), self.root.absolute()
        root = Path(posixpath.normpath(root))
        target = Path(posixpath.normpath(folder / cleaned))
        if not target.is_relative_to(root):
            raise UnreadableFile(
                "A mesh names a file outside the data set",
                where=self.mesh,
                expected=f"a file below {root}",
                found=printable(name),
                next_step="put the file beside the mesh and correct its name there",
            )
        return target if target.is_file() else _in_other_letters(root, target.relative_to(root).parts)

    def picture(self, name: str, beside: Path | None = None) -> NDArray[np.uint8] | None:
        """Return the (H, W, 3) uint8 RGB pixels of the picture that ``name`` means, None where it cannot be had.

        Args:
            name: As in :meth:`find`.
            beside: As in :meth:`find`; then the mesh's own folder is looked into too.

        Raises:
            UnreadableFile: Its path leaves the root, it breaks off, or its format is none that is read.
        """
        path = self.find(name, beside)
        if path is None and beside not in (None, self.mesh.parent):
            path = self.find(name)
        if path is None:
            self.findings.note("pictures that are not there", f"{name} (of {self.mesh.name})")
            return None
        if path not in self._pictures:
            self._pictures[path] = self.decoded_picture(path.read_bytes(), name)
        return self._pictures[path]

    def decoded_picture(self, content: bytes, name: str) -> NDArray[np.uint8] | None:
        """Return the (H, W, 3) uint8 RGB pixels of an encoded picture, None where it is no picture.

        Raises:
            UnreadableFile: It breaks off, or its format is none that is read.
        """
        from PIL import Image, UnidentifiedImageError

        if content.startswith(_KTX):
            raise unsupported(self.mesh, "pictures in KTX2 (KHR_texture_basisu)", name)
        try:
            with Image.open(io.BytesIO(content)) as image:
                return np.asarray(rgb8(image))
        except UnidentifiedImageError:
            self.findings.note("pictures that are none", f"{name} (of {self.mesh.name})")
            return None
        except Exception as error:  # decoders raise many unrelated types on damaged pictures
            raise UnreadableFile(
                "Cannot read a picture of a mesh", where=f"{self.mesh}: {name}", found=error, next_step=NEXT_STEP
            ) from error


def unsupported(path: Path, what: str, name: object = None) -> UnreadableFile:
    """Return the error that names what a mesh needs and nothing here reads."""
    return UnreadableFile(
        f"A mesh needs what is not read: {what}",
        where=path,
        found=name,
        next_step="convert the file (gltf-transform writes it without), or leave the shape out of the lists",
    )


def _in_other_letters(root: Path, parts: tuple[str, ...]) -> Path | None:
    """Follow a path part by part, each spelt as it is or else in other case or Unicode form."""
    here = root
    for part in parts:
        exact = here / part
        if not exact.exists():
            if not here.is_dir():
                return None
            alike = sorted(path for path in here.iterdir() if _letters(path.name) == _letters(part))
            if not alike:
                return None
            exact = alike[0]
        here = exact
    return here if here.is_file() else None


def _letters(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
