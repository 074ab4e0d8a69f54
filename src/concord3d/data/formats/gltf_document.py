"""glTF 2.0 as a format: the document, its buffers, and the numbers that accessors say are there (section 3.6).

What a document says of scenes and materials is read by the modules beside this one.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.linked_files import LinkedFiles, unsupported

DRACO = "KHR_draco_mesh_compression"
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
# Those that change what is seen are read here; the others change gloss, light, or what a viewer may switch.
_READ = {
    "KHR_mesh_quantization", "KHR_texture_transform", "KHR_materials_pbrSpecularGlossiness", "EXT_texture_webp",
    "EXT_texture_avif", "KHR_node_visibility",
}  # fmt: skip
_HARMLESS = {
    "KHR_lights_punctual", "EXT_lights_image_based", "EXT_lights_ies", "KHR_animation_pointer", "KHR_xmp",
    "KHR_xmp_json_ld", "KHR_node_hoverability", "KHR_node_selectability", "EXT_mesh_features",
    "EXT_structural_metadata",
    "KHR_materials_anisotropy", "KHR_materials_clearcoat", "KHR_materials_diffuse_transmission",
    "KHR_materials_dispersion", "KHR_materials_emissive_strength", "KHR_materials_ior", "KHR_materials_iridescence",
    "KHR_materials_sheen", "KHR_materials_specular", "KHR_materials_transmission", "KHR_materials_unlit",
    "KHR_materials_variants", "KHR_materials_volume", "KHR_materials_volume_scatter",
}  # fmt: skip
_CODES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_JSON, _BIN = 0x4E4F534A, 0x004E4942


@dataclass
class GltfDocument:
    """A document and its bytes.

    Attributes:
        path: The file.
        content: The document.
        binary: Bytes that came with it in one file, or None.
        files: Where the files that it names lie.
    """

    path: Path
    content: dict[str, Any]
    binary: bytes | None
    files: LinkedFiles

    @classmethod
    def open(cls, path: Path, files: LinkedFiles) -> GltfDocument:
        """Read a document, binary or text.

        Raises:
            UnreadableFile: It needs an extension that is not read.
            ValueError: Truncated, of another format, or of version 1.
        """
        raw = path.read_bytes()
        text, binary = _chunks(raw) if raw[:4] == b"glTF" else (raw, None)
        content = json.loads(text.rstrip(b"\0").decode("utf-8-sig"))
        if not isinstance(content, dict) or "asset" not in content:
            raise ValueError("no document of glTF: it has no 'asset'")
        version = str(content["asset"].get("version", ""))
        if not version.startswith("2."):
            raise ValueError(f"glTF of version {version}, where 2.0 is read")
        document = cls(path, content, binary, files)
        strange = [name for name in content.get("extensionsRequired", []) if name not in _READ | _HARMLESS]
        if strange:
            raise unsupported(path, ", ".join(map(str, strange)))
        return document

    def item(self, kind: str, index: int) -> dict[str, Any]:
        """Return an entry of one of the document's lists, such as the third of ``nodes``.

        Raises:
            ValueError: It is not there.
        """
        entries = self.content.get(kind, [])
        if not 0 <= index < len(entries):
            raise ValueError(f"{kind}[{index}] where there are {len(entries)}")
        found: dict[str, Any] = entries[index]
        return found

    def view(self, index: int) -> tuple[bytes, int]:
        """Return the bytes of a view into a buffer, and its stride, 0 where items are packed.

        Raises:
            ValueError: The buffer ends before, or has no bytes.
            UnreadableFile: The bytes are compressed.
        """
        view = self.item("bufferViews", index)
        buffer = self._buffer(view["buffer"], view)
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if start < 0 or length < 0 or start + length > len(buffer):
            raise ValueError(f"bufferViews[{index}] ends at byte {start + length} of {len(buffer)}")
        return buffer[start : start + length], int(view.get("byteStride", 0))

    def numbers(self, index: int) -> NDArray[np.generic]:
        """Return (count, width) the items of an accessor; integers that stand for fractions become float64.

        Raises:
            ValueError: They lie beyond their bytes, or no bytes are named.
        """
        accessor = self.item("accessors", index)
        if accessor["type"] not in _WIDTHS:
            raise ValueError(f"accessors[{index}] of type {accessor['type']}, where numbers or vectors belong")
        dtype, width, count = np.dtype(_CODES[accessor["componentType"]]), _WIDTHS[accessor["type"]], accessor["count"]
        sparse = accessor.get("sparse")
        if "bufferView" in accessor:
            items = self._items(accessor["bufferView"], accessor.get("byteOffset", 0), dtype, width, count)
        elif sparse is not None:
            items = np.zeros((count, width), dtype)
        else:
            raise ValueError(f"accessors[{index}] has no bytes: its values are compressed, or were left out")
        if sparse is not None:
            where, what = sparse["indices"], sparse["values"]
            code = np.dtype(_CODES[where["componentType"]])
            places = self._items(where["bufferView"], where.get("byteOffset", 0), code, 1, sparse["count"])[:, 0]
            if len(places) and places.max() >= count:
                raise ValueError(f"accessors[{index}] replaces item {places.max()} of {count}")
            items = items.copy()
            items[places] = self._items(what["bufferView"], what.get("byteOffset", 0), dtype, width, sparse["count"])
        return fractions(items) if accessor.get("normalized") else items

    def image_bytes(self, index: int) -> tuple[bytes | None, str]:
        """Return the encoded bytes of an image and its name; None where its file is not there."""
        image = self.item("images", index)
        if "bufferView" in image:
            return self.view(image["bufferView"])[0], f"images[{index}]"
        uri = str(image.get("uri", ""))
        if uri.startswith("data:"):
            return _inline(uri), f"images[{index}]"
        name = unquote(uri) or f"images[{index}]"
        path = self.files.find(name) if uri else None
        return (None if path is None else path.read_bytes()), name

    def _items(self, view: int, start: int, dtype: np.dtype[Any], width: int, count: int) -> NDArray[np.generic]:
        content, stride = self.view(view)
        stride = stride or width * dtype.itemsize
        end = start + (count - 1) * stride + width * dtype.itemsize
        if count < 1 or start < 0 or stride < width * dtype.itemsize or end > len(content):
            raise ValueError(f"{count} items of {stride} bytes from byte {start} of {len(content)} (view {view})")
        packed = np.ndarray((count, width), dtype, content, start, (stride, dtype.itemsize))
        return packed.copy()

    def _buffer(self, index: int, view: dict[str, Any]) -> bytes:
        buffer = self.item("buffers", index)
        compressed = next((name for name in _MESHOPT if name in view.get("extensions", {})), None)
        uri = buffer.get("uri")
        if uri is None:
            if index == 0 and self.binary is not None:
                return self.binary
            if compressed:
                raise unsupported(self.path, compressed)
            raise ValueError(f"buffers[{index}] has no bytes")
        if uri.startswith("data:"):
            return _inline(uri)
        path = self.files.find(unquote(uri))
        if path is None:
            raise ValueError(f"the file {unquote(uri)!r} of buffers[{index}] is not there")
        return path.read_bytes()


def fractions(items: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the float64 fractions that integers stand for (section 3.6.2.2); other numbers unchanged."""
    if items.dtype.kind not in "ui":
        return items
    most = 2 ** (8 * items.dtype.itemsize - (items.dtype.kind == "i")) - 1
    return np.maximum(items.astype(np.float64) / most, -1)


def _chunks(raw: bytes) -> tuple[bytes, bytes | None]:
    """Return the document and the bytes of one binary file (section 4.4)."""
    if len(raw) < 20:
        raise ValueError(f"{len(raw)} bytes, fewer than a header")
    version, length = struct.unpack_from("<II", raw, 4)
    if version != 2:
        raise ValueError(f"glTF of version {version}, where 2.0 is read")
    if length > len(raw):
        raise ValueError(f"{len(raw)} bytes where {length} are announced")
    chunks: dict[int, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = struct.unpack_from("<II", raw, position)
        if position + 8 + size > len(raw):
            raise ValueError(f"a chunk that ends at byte {position + 8 + size} of {len(raw)}")
        chunks.setdefault(kind, raw[position + 8 : position + 8 + size])
        position += 8 + size
    if _JSON not in chunks:
        raise ValueError("no document among the chunks")
    return chunks[_JSON], chunks.get(_BIN)


def _inline(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    return (
        base64.b64decode(unquote_to_bytes(body), validate=False) if head.endswith(";base64") else unquote_to_bytes(body)
    )
