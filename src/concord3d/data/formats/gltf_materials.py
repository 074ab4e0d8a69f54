"""The base colour of glTF materials: texture x factor x vertex colour, in light (glTF 2.0, section 3.9.2).

Shape legend: V vertices, F faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.gltf_document import GltfDocument, fractions
from concord3d.data.formats.linked_files import unsupported
from concord3d.geometry.surface_colors import Picture, SurfaceColors, Wrap

_WRAPS: dict[int, Wrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
_SPECULAR = "KHR_materials_pbrSpecularGlossiness"
_TRANSFORM = "KHR_texture_transform"
_OTHER_SOURCES = ("EXT_texture_webp", "EXT_texture_avif")


@dataclass
class GltfMaterials:
    """The materials of one document; each picture is decoded once."""

    document: GltfDocument
    _pixels: dict[int, NDArray[np.uint8] | None] = field(default_factory=dict)
    _pictures: dict[int, Picture | None] = field(default_factory=dict)

    def colors(self, primitive: dict[str, Any], faces: NDArray[np.integer], num_vertices: int) -> SurfaceColors | None:
        """Return the colours of a primitive, or None where it has neither a material nor colours of vertices.

        Args:
            primitive: Its entry in the document.
            faces: (F, 3) indices of its vertices.
            num_vertices: V.

        Raises:
            ValueError: It names what is not there, or attributes differ in length.
            UnreadableFile: A texture has a format that is not read.
        """
        attributes = primitive["attributes"]
        if "material" not in primitive and "COLOR_0" not in attributes:
            return None
        corners = np.ones((len(faces), 3, 3))
        if "COLOR_0" in attributes:
            shades = fractions(self.document.numbers(attributes["COLOR_0"]))
            if len(shades) != num_vertices or shades.shape[1] < 3:
                raise ValueError(f"COLOR_0 {shades.shape} for {num_vertices} vertices")
            corners = shades[:, :3].astype(np.float64)[faces]
        if "material" not in primitive:
            return SurfaceColors((255 * corners).astype(np.float32), linear=True)
        factor, texture = _base(self.document.item("materials", primitive["material"]))
        light = (255 * corners * np.array(factor[:3], dtype=np.float64)).astype(np.float32)
        picture = None if texture is None else self._picture(texture["index"])
        if picture is None:
            return SurfaceColors(light, linear=True)
        uv = self._places(attributes, texture or {}, num_vertices)
        if uv is None:
            self.document.files.findings.note("textures without places on the surface", self.document.path.name)
            return SurfaceColors(light, linear=True)
        uv = np.nan_to_num(uv, posinf=0, neginf=0)[faces]
        return SurfaceColors(light, np.zeros(len(faces), np.int32), uv, (picture,), linear=True)

    def _places(
        self, attributes: dict[str, Any], texture: dict[str, Any], num_vertices: int
    ) -> NDArray[np.float32] | None:
        """Return (V, 2) places in the picture from its lower left, None where the set is absent."""
        transform = texture.get("extensions", {}).get(_TRANSFORM, {})
        name = f"TEXCOORD_{transform.get('texCoord', texture.get('texCoord', 0))}"
        if name not in attributes:
            return None
        uv = self.document.numbers(attributes[name]).astype(np.float64)
        if uv.shape != (num_vertices, 2):
            raise ValueError(f"{name} {uv.shape} for {num_vertices} vertices")
        uv = uv * transform.get("scale", [1, 1])
        c, s = math.cos(transform.get("rotation", 0)), math.sin(transform.get("rotation", 0))
        uv = uv @ np.array([[c, -s], [s, c]]) + transform.get("offset", [0, 0])
        # In glTF the first row of the picture is at 0, here at 1.
        return np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32)

    def _picture(self, index: int) -> Picture | None:
        if index not in self._pictures:
            texture = self.document.item("textures", index)
            pixels = self._decoded(self._source(texture))
            sampler = self.document.item("samplers", texture["sampler"]) if "sampler" in texture else {}
            across, down = (_WRAPS[sampler.get(key, 10497)] for key in ("wrapS", "wrapT"))
            nearest = sampler.get("magFilter") == _NEAREST
            self._pictures[index] = None if pixels is None else Picture(pixels, across, down, nearest)
        return self._pictures[index]

    def _source(self, texture: dict[str, Any]) -> int | None:
        extensions = texture.get("extensions", {})
        others = [extensions[name]["source"] for name in _OTHER_SOURCES if name in extensions]
        if "source" in texture:
            return int(texture["source"])
        if others:
            return int(others[0])
        if extensions:
            raise unsupported(self.document.path, f"textures in {', '.join(extensions)}")
        return None

    def _decoded(self, index: int | None) -> NDArray[np.uint8] | None:
        files = self.document.files
        if index is None:
            files.findings.note("textures without a picture", self.document.path.name)
            return None
        if index not in self._pixels:
            content, name = self.document.image_bytes(index)
            if content is None:
                files.findings.note("pictures that are not there", f"{name} (of {self.document.path.name})")
            self._pixels[index] = None if content is None else files.decoded_picture(content, name)
        return self._pixels[index]


def _base(material: dict[str, Any]) -> tuple[list[float], dict[str, Any] | None]:
    """Return the factor and the texture of a material's base colour, of its diffuse colour in the older model."""
    older = material.get("extensions", {}).get(_SPECULAR)
    if older is not None:
        return older.get("diffuseFactor", [1, 1, 1, 1]), older.get("diffuseTexture")
    base = material.get("pbrMetallicRoughness", {})
    return base.get("baseColorFactor", [1, 1, 1, 1]), base.get("baseColorTexture")
