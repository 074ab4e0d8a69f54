"""glTF of every kind, written here byte by byte, with colours worked out one point at a time."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from concord3d.data.formats.findings import Findings
from concord3d.data.formats.mesh_files import read_colored_mesh
from concord3d.data.formats.mesh_parts import GREY
from concord3d.errors import BadMesh, UnreadableFile
from concord3d.geometry.mesh import sample_surface

CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
LIST, STRIP, FAN = 4, 5, 6


@dataclass
class Document:
    """A document that grows, and its bytes."""

    content: dict[str, Any] = field(default_factory=lambda: {"asset": {"version": "2.0"}})
    binary: bytes = b""
    padding: bytes = b" "

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        self.content.setdefault(kind, []).append(entry)
        return len(self.content[kind]) - 1

    def view(self, content: bytes, **more: Any) -> int:
        self.binary += b"\xee" * (-len(self.binary) % 4)
        place = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), **more}
        self.binary += content
        return self.add("bufferViews", place)

    def accessor(
        self, values: np.ndarray, code: str, normalized: bool = False, stride: int = 0, sparse: bool = False
    ) -> int:
        values = np.asarray(values).reshape(len(values), -1).astype(f"<{code}")
        entry = {"componentType": CODES[code], "count": len(values), "type": TYPES[values.shape[1]]}
        if normalized:
            entry["normalized"] = True
        if sparse:
            # Every second item is given twice: wrong in the base, right where the base is replaced.
            places = np.arange(0, len(values), 2)
            wrong = values.copy()
            wrong[places] = 0
            entry["bufferView"] = self.view(wrong.tobytes())
            entry["sparse"] = {
                "count": len(places),
                "indices": {"bufferView": self.view(places.astype("<u2").tobytes()), "componentType": CODES["u2"]},
                "values": {"bufferView": self.view(values[places].tobytes())},
            }
        elif stride:
            rows = np.full((len(values), stride), 0xDD, np.uint8)
            width = values.shape[1] * values.itemsize
            rows[:, 4 : 4 + width] = np.frombuffer(values.tobytes(), np.uint8).reshape(len(values), width)
            entry |= {"bufferView": self.view(rows.tobytes(), byteStride=stride), "byteOffset": 4}
        else:
            entry["bufferView"] = self.view(values.tobytes())
        return self.add("accessors", entry)

    def mesh(self, attributes: dict[str, int], **primitive: Any) -> int:
        return self.add("meshes", {"primitives": [{"attributes": attributes, **primitive}]})

    def picture(self, pixels: np.ndarray, **sampler: Any) -> int:
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "PNG")
        image = self.add("images", {"bufferView": self.view(packed.getvalue()), "mimeType": "image/png"})
        return self.add("textures", {"source": image, "sampler": self.add("samplers", sampler)})

    def write(self, path: Path, form: str = "glb") -> Path:
        if "scenes" not in self.content:
            self.content["scenes"] = [{"nodes": [self.add("nodes", {"mesh": 0})]}]
        buffer: dict[str, Any] = {"byteLength": len(self.binary)}
        if form == "embedded":
            buffer["uri"] = "data:application/octet-stream;base64," + base64.b64encode(self.binary).decode()
        elif form == "beside":
            buffer["uri"] = "a%20b.bin"
            path.with_name("a b.bin").write_bytes(self.binary)
        self.content["buffers"] = [buffer]
        text = json.dumps(self.content).encode()
        if form == "glb":
            text += self.padding * (-len(text) % 4)
            binary = self.binary + b"\0" * (-len(self.binary) % 4)
            chunks = (
                struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
            )
            text = struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
        path.write_bytes(text)
        return path


def to_light(shown: float) -> float:
    return shown / 12.92 if shown <= 0.04045 else ((shown + 0.055) / 1.055) ** 2.4


def to_screen(light: float) -> float:
    light = min(max(light, 0.0), 1.0)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def wrapped(place: int, count: int, wrap: int) -> int:
    if wrap == 33071:
        return min(max(place, 0), count - 1)
    if wrap == 33648:
        place %= 2 * count
        return place if place < count else 2 * count - 1 - place
    return place % count


def light_at(pixels: np.ndarray, u: float, v: float, sampler: dict[str, int]) -> list[float]:
    """The light of a picture at a place of glTF, (0, 0) its upper left."""
    height, width = pixels.shape[:2]
    x, y = u * width - 0.5, v * height - 0.5
    if sampler.get("magFilter") == 9728:
        x, y = math.floor(x + 0.5), math.floor(y + 0.5)
    total = [0.0, 0.0, 0.0]
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            pixel = pixels[
                wrapped(row, height, sampler.get("wrapT", 10497)), wrapped(column, width, sampler.get("wrapS", 10497))
            ]
            total = [sum_ + share * to_light(shade / 255) for sum_, shade in zip(total, pixel, strict=True)]
    return total


def as_code(values: np.ndarray, code: str) -> tuple[np.ndarray, np.ndarray]:
    """Return fractions in a type, and what they stand for."""
    if code == "f4":
        return values.astype(np.float32), values.astype(np.float32).astype(float)
    most = np.iinfo(code).max
    stored = np.round(values * most).astype(code)
    return stored, np.maximum(stored / most, -1.0)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_base_colours_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    """Texture x factor x COLOR_0 in light, in every type, set, transform and sampler."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    document, draw = Document(), data.draw
    attributes = {"POSITION": document.accessor(SQUARE, "f4", stride=draw(st.sampled_from([0, 16, 20])))}
    shades = np.ones((4, 3))
    if draw(st.booleans()):
        code, width = draw(st.sampled_from(["f4", "u1", "u2"])), draw(st.sampled_from([3, 4]))
        stored, meant = as_code(rng.uniform(0, 1, (4, width)), code)
        size = np.dtype(code).itemsize
        stride = 0 if size * width % 4 == 0 and draw(st.booleans()) else 4 + -(-size * width // 4) * 4
        attributes["COLOR_0"] = document.accessor(stored, code, code != "f4" and draw(st.booleans()), stride)
        shades = meant[:, :3]
    factor = rng.uniform(0, 1, 4).tolist() if draw(st.booleans()) else [1, 1, 1, 1]
    texture: dict[str, Any] = {}
    sampler: dict[str, int] = {}
    pixels, uv = np.full((1, 1, 3), 255, np.uint8), np.zeros((4, 2))
    if draw(st.booleans()):
        pixels = rng.integers(0, 256, (draw(st.integers(1, 5)), draw(st.integers(1, 5)), 3), dtype=np.uint8)
        wraps = st.sampled_from([10497, 33071, 33648])
        sampler = draw(
            st.fixed_dictionaries(
                {}, optional={"wrapS": wraps, "wrapT": wraps, "magFilter": st.sampled_from([9728, 9729])}
            )
        )
        texture["index"] = document.picture(pixels, **sampler)
        chosen = draw(st.integers(0, 2))
        for number in range(chosen + 1):
            code = draw(st.sampled_from(["f4", "u1", "u2"]))
            stored, uv = as_code(rng.uniform(0, 1, (4, 2)), code)
            stride = 8 if code == "u1" else 0 if code == "f4" else 12
            attributes[f"TEXCOORD_{number}"] = document.accessor(stored, code, code != "f4", stride)
        if chosen or draw(st.booleans()):
            texture["texCoord"] = chosen
        if draw(st.booleans()):
            change = {
                "offset": rng.uniform(-1, 1, 2).tolist(),
                "rotation": rng.uniform(-4, 4),
                "scale": rng.uniform(-2, 2, 2).tolist(),
            }
            if draw(st.booleans()):
                texture["texCoord"], change["texCoord"] = 0, chosen
            texture["extensions"] = {"KHR_texture_transform": change}
            turn, size = change["rotation"], change["scale"]
            u, v = uv[:, 0] * size[0], uv[:, 1] * size[1]
            uv = np.stack([math.cos(turn) * u + math.sin(turn) * v, math.cos(turn) * v - math.sin(turn) * u], axis=1)
            uv = uv + change["offset"]
    if draw(st.booleans()):
        base = {"baseColorFactor": factor, **({"baseColorTexture": texture} if texture else {})}
        material: dict[str, Any] = {"pbrMetallicRoughness": base}
    else:
        older = {"diffuseFactor": factor, **({"diffuseTexture": texture} if texture else {})}
        material = {"extensions": {"KHR_materials_pbrSpecularGlossiness": older}}
    document.mesh(
        attributes, indices=document.accessor(np.array([0, 1, 2, 0, 2, 3]), draw(st.sampled_from(["u1", "u2", "u4"]))),
        material=document.add("materials", material),
    )  # fmt: skip
    form = draw(st.sampled_from(["glb", "embedded", "beside"]))
    path = document.write(tmp_path_factory.mktemp("gltf") / ("a.glb" if form == "glb" else "a.gltf"), form)
    mesh, colors = read_colored_mesh(path)
    assert colors is not None
    sample = sample_surface(mesh, 12, rng)
    for place, found in zip(range(12), colors.at(sample), strict=True):
        corners = [[0, 1, 2], [0, 2, 3]][sample.face_index[place]]
        weights = sample.weights[place].astype(float)
        u, v = weights @ uv[corners]
        if sampler.get("magFilter") == 9728 and any(
            abs(part * count - round(part * count)) < 1e-3
            for part, count in ((u, pixels.shape[1]), (v, pixels.shape[0]))
        ):
            continue  # on the edge of a pixel either neighbour is right
        light = np.array(light_at(pixels, u, v, sampler)) if texture else np.ones(3)
        expected = [to_screen(x) for x in light * factor[:3] * (weights @ shades[corners])]
        np.testing.assert_allclose(found, expected, atol=1)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_places_and_triangles_of_every_kind(tmp_path_factory, data: st.DataObject) -> None:
    """Positions in every type, sparse or strided; lists, strips and fans; nodes below nodes."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    document, draw, count = Document(), data.draw, data.draw(st.integers(3, 9))
    code = draw(st.sampled_from(["f4", "i1", "u1", "i2", "u2"]))
    if code == "f4":
        stored = meant = rng.normal(size=(count, 3)).astype(np.float32)
        normalized = False
    else:
        bounds = np.iinfo(code)
        stored = rng.integers(bounds.min, bounds.max, (count, 3), endpoint=True)
        normalized = draw(st.booleans())
        meant = np.maximum(stored / bounds.max, -1) if normalized else stored.astype(float)
    layout = draw(st.sampled_from(["packed", "strided", "sparse"]))
    size = np.dtype(code).itemsize * 3
    position = document.accessor(
        stored, code, normalized, stride=4 + -(-size // 4) * 4 if layout == "strided" else 0, sparse=layout == "sparse"
    )
    mode = draw(st.sampled_from([LIST, STRIP, FAN]))
    order = rng.integers(0, count, draw(st.integers(3, 11)))
    primitive: dict[str, Any] = {} if mode == LIST and draw(st.booleans()) else {"mode": mode}
    if draw(st.booleans()):
        primitive["indices"] = document.accessor(order, draw(st.sampled_from(["u1", "u2", "u4"])))
    else:
        order = np.arange(count)
    document.mesh({"POSITION": position}, **primitive)
    frames = [placed(document, rng, draw(st.booleans())) for _ in range(draw(st.integers(1, 3)))]
    for number in range(1, len(frames)):
        document.content["nodes"][number - 1]["children"] = [number]
    document.content["nodes"][-1]["mesh"] = 0
    document.content["scenes"] = [{"nodes": [0]}]
    path = document.write(tmp_path_factory.mktemp("gltf") / "a.glb")
    if mode == LIST:
        triangles = [tuple(order[k : k + 3]) for k in range(0, len(order) - len(order) % 3, 3)]
    elif mode == STRIP:
        triangles = [
            (order[k], order[k + 1], order[k + 2]) if k % 2 == 0 else (order[k], order[k + 2], order[k + 1])
            for k in range(len(order) - 2)
        ]
    else:
        triangles = [(order[k + 1], order[k + 2], order[0]) for k in range(len(order) - 2)]
    frame = np.linalg.multi_dot([np.eye(4), *frames, np.eye(4)])
    if np.linalg.det(frame[:3, :3]) < 0:
        triangles = [(c, b, a) for a, b, c in triangles]
    mesh, colors = read_colored_mesh(path)
    assert colors is None
    expected = (np.column_stack([meant, np.ones(count)]) @ frame.T)[:, :3]
    found, right = mesh.vertices[mesh.faces], expected[np.array(triangles)]
    np.testing.assert_allclose(found, right, atol=1e-5 * max(1, np.abs(right).max()))


def placed(document: Document, rng: np.random.Generator, as_matrix: bool) -> np.ndarray:
    """Add a node, and return its matrix, worked out by rotating the axes with the quaternion."""
    move, size = rng.normal(size=3), rng.uniform(0.3, 2, 3) * rng.choice([-1, 1], 3)
    q = rng.normal(size=4)
    q /= np.linalg.norm(q)
    vector, w = q[:3], q[3]
    axes = [axis + 2 * np.cross(vector, np.cross(vector, axis) + w * axis) for axis in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack(axes, axis=1) * size
    matrix[:3, 3] = move
    if as_matrix:
        document.add("nodes", {"matrix": matrix.T.reshape(-1).tolist()})
    else:
        document.add("nodes", {"translation": move.tolist(), "rotation": q.tolist(), "scale": size.tolist()})
    return matrix


def drawn_triangles(order: list[int], mode: int) -> list[tuple[int, int, int]]:
    """Triangles of a list, a strip or a fan."""
    if mode == LIST:
        return [(order[k], order[k + 1], order[k + 2]) for k in range(0, len(order) - len(order) % 3, 3)]
    if mode == STRIP:
        return [(order[k], *(order[k + 1 : k + 3][:: 1 if k % 2 == 0 else -1])) for k in range(len(order) - 2)]
    return [(order[k + 1], order[k + 2], order[0]) for k in range(len(order) - 2)]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_scenes_of_several_materials(tmp_path_factory, data: st.DataObject) -> None:
    """Meshes of several primitives with colours of their own, used by several nodes, from buffers of every kind."""
    draw, rng = data.draw, np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    document, meshes, expected = Document(), [], []
    for _ in range(draw(st.integers(1, 3))):
        parts, primitives = [], []
        for _ in range(draw(st.integers(1, 3))):
            count = draw(st.integers(3, 6))
            places = rng.normal(size=(count, 3)).astype(np.float32)
            position = document.accessor(places, "f4", stride=draw(st.sampled_from([0, 16, 24])))
            if draw(st.booleans()):
                # Without a base every item that is not given is zero.
                given_at = np.sort(rng.choice(count, draw(st.integers(1, count)), replace=False))
                kept = np.zeros_like(places)
                kept[given_at] = places[given_at]
                places, entry = kept, document.content["accessors"][position]
                entry.pop("bufferView")
                entry.pop("byteOffset", None)
                code = draw(st.sampled_from(["u1", "u2", "u4"]))
                entry["sparse"] = {
                    "count": len(given_at),
                    "indices": {
                        "bufferView": document.view(given_at.astype(f"<{code}").tobytes()), "componentType": CODES[code]
                    },
                    "values": {"bufferView": document.view(places[given_at].tobytes())},
                }  # fmt: skip
            order = rng.permutation(np.concatenate([np.arange(count), rng.integers(0, count, 3)]))
            mode = draw(st.sampled_from([LIST, STRIP, FAN]))
            primitive: dict[str, Any] = {"attributes": {"POSITION": position}, "mode": mode}
            if draw(st.booleans()):
                primitive["indices"] = document.accessor(order, draw(st.sampled_from(["u1", "u2", "u4"])))
            else:
                order = np.arange(count)
            light, shade = [1.0, 1.0, 1.0], np.ones((count, 3))
            if draw(st.booleans()):
                light = rng.uniform(0, 1, 3).tolist()
                base = {"pbrMetallicRoughness": {"baseColorFactor": [*light, 1.0]}}
                primitive["material"] = document.add("materials", base)
            if draw(st.booleans()):
                code = draw(st.sampled_from(["f4", "u1", "u2"]))
                stored, shade = as_code(rng.uniform(0, 1, (count, 3)), code)
                stride = {"f4": 0, "u1": 8, "u2": 12}[code]
                primitive["attributes"]["COLOR_0"] = document.accessor(stored, code, code != "f4", stride)
            primitives.append(primitive)
            colored = "material" in primitive or "COLOR_0" in primitive["attributes"]
            triangles = drawn_triangles(order.tolist(), mode)
            assume(any(np.linalg.norm(np.cross(*np.diff(places[list(t)], axis=0))) > 1e-3 for t in triangles))
            parts.append((places, triangles, np.array(light) * shade, colored))
        document.add("meshes", {"primitives": primitives})
        meshes.append(parts)
    frames = []
    for number in range(draw(st.integers(1, 4))):
        frames.append(placed(document, rng, draw(st.booleans())))
        document.content["nodes"][-1]["mesh"] = number % len(meshes)
        expected.append([(*part, frames[-1]) for part in meshes[number % len(meshes)]])
    document.content["scenes"] = [{"nodes": []}, {"nodes": list(range(len(frames)))}]
    document.content["scene"] = 1
    form = draw(st.sampled_from(["glb", "embedded", "beside"]))
    path = document.write(tmp_path_factory.mktemp("gltf") / ("a.glb" if form == "glb" else "a.gltf"), form)
    mesh, colors = read_colored_mesh(path)
    # In which order nodes come is left to the reader.
    for nodes in itertools.permutations(expected):
        corners, shown = corners_and_colors([part for parts in nodes for part in parts])
        if np.allclose(mesh.vertices[mesh.faces], corners, atol=1e-5 * max(1, np.abs(corners).max())):
            break
    else:
        raise AssertionError("in no order of the nodes are these the triangles")
    if not any(colored for parts in expected for *_, colored, _ in parts):
        assert colors is None
        return
    assert colors is not None
    sample = sample_surface(mesh, 24, rng)
    for found, face, weights in zip(colors.at(sample), sample.face_index, sample.weights, strict=True):
        lights = np.array([[to_light(x / 255) for x in corner] for corner in shown[face]])
        np.testing.assert_allclose(found, [to_screen(x) for x in weights @ lights], atol=1)


def corners_and_colors(parts: list[Any]) -> tuple[np.ndarray, list[list[list[float]]]]:
    """The corners of all triangles where their nodes put them, and the shown colours of these corners."""
    corners, shown = [], []
    for places, triangles, light, colored, frame in parts:
        moved = (np.column_stack([places, np.ones(len(places))]) @ frame.T)[:, :3]
        turned = [triangle[::-1] if np.linalg.det(frame[:3, :3]) < 0 else triangle for triangle in triangles]
        corners += [moved[list(triangle)] for triangle in turned]
        # Parts without colours beside those that have some are light grey.
        shown += [[[to_screen(x) for x in light[corner]] if colored else [GREY] * 3 for corner in t] for t in turned]
    return np.array(corners), shown


def plain() -> Document:
    document = Document()
    document.mesh(
        {"POSITION": document.accessor(SQUARE, "f4")}, indices=document.accessor(np.array([0, 1, 2, 0, 2, 3]), "u2")
    )
    return document


def primitive_of(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = document.content["meshes"][0]["primitives"][0]
    return found


@pytest.mark.parametrize(
    "name", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu", "ACME_secret_shapes"]
)
def test_what_is_required_and_not_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    document = plain()
    document.content |= {"extensionsUsed": [name], "extensionsRequired": [name]}
    with pytest.raises(UnreadableFile, match=name) as caught:
        read_colored_mesh(document.write(tmp_path / "a.glb"))
    assert "delete" not in str(caught.value)


def test_what_is_compressed_without_being_required_is_refused(tmp_path: Path) -> None:
    document = plain()
    primitive_of(document)["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {}}}
    mesh, _ = read_colored_mesh(document.write(tmp_path / "fallback.glb"))
    assert len(mesh.faces) == 2
    del document.content["accessors"][0]["bufferView"]
    with pytest.raises(UnreadableFile, match="KHR_draco_mesh_compression"):
        read_colored_mesh(document.write(tmp_path / "draco.glb"))
    document = plain()
    document.content["bufferViews"][0] |= {"buffer": 1, "extensions": {"EXT_meshopt_compression": {"buffer": 0}}}
    path = document.write(tmp_path / "meshopt.gltf", "embedded")
    content = json.loads(path.read_text())
    content["buffers"].append({"byteLength": 48})
    path.write_text(json.dumps(content))
    with pytest.raises(UnreadableFile, match="EXT_meshopt_compression"):
        read_colored_mesh(path)
    document = plain()
    document.write(tmp_path / "x.glb")
    document.content["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 0}}}
    with pytest.raises(UnreadableFile, match="EXT_mesh_gpu_instancing"):
        read_colored_mesh(document.write(tmp_path / "instances.glb"))


def textured(extensions: dict[str, Any] | None = None, **image: Any) -> Document:
    document = plain()
    attributes = primitive_of(document)["attributes"]
    attributes["TEXCOORD_0"] = document.accessor(SQUARE[:, :2], "f4")
    number = document.add("images", image)
    texture = {"extensions": {name: {"source": number} for name in extensions}} if extensions else {"source": number}
    base = {"baseColorTexture": {"index": document.add("textures", texture)}, "baseColorFactor": [1, 0, 0, 1]}
    primitive_of(document)["material"] = document.add("materials", {"pbrMetallicRoughness": base})
    return document


def test_textures_in_formats_that_are_not_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="KHR_texture_basisu"):
        read_colored_mesh(textured({"KHR_texture_basisu": {}}, uri="a.ktx2").write(tmp_path / "a.glb"))
    (tmp_path / "a.ktx2").write_bytes(b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(80))
    with pytest.raises(UnreadableFile, match="KTX2"):
        read_colored_mesh(textured(uri="a.ktx2").write(tmp_path / "b.glb"))


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "JPEG", "PNG"])
def test_pictures_of_every_form_beside_the_mesh(tmp_path: Path, form: str) -> None:
    Image.new("RGB", (8, 8), (200, 40, 90)).save(tmp_path / "my picture", form)
    extension = {"WEBP": {"EXT_texture_webp": {}}, "AVIF": {"EXT_texture_avif": {}}}.get(form)
    document = textured(extension, uri="my%20picture")
    _, colors = read_colored_mesh(document.write(tmp_path / "a.glb"))
    assert colors is not None and np.abs(colors.of_faces().astype(int) - [200, 0, 0]).max() <= 6


def test_pictures_that_are_absent_are_counted_and_those_outside_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "models").mkdir(parents=True)
    findings = Findings()
    path = textured(uri="gone.png").write(tmp_path / "set" / "models" / "a.glb")
    _, colors = read_colored_mesh(path, tmp_path / "set", findings)
    assert colors is not None and colors.of_faces().tolist() == [[255, 0, 0]] * 2
    assert findings.sentences() == ("1 pictures that are not there: gone.png (of a.glb)",)
    Image.new("RGB", (1, 1), (9, 9, 9)).save(tmp_path / "secret.png")
    path = textured(uri="../../secret.png").write(tmp_path / "set" / "models" / "b.glb")
    with pytest.raises(UnreadableFile, match="outside the data set"):
        read_colored_mesh(path, tmp_path / "set")


@pytest.mark.parametrize("mode", ["L", "P", "I;16", "RGBA", "LA", "1"])
def test_pictures_of_every_depth(tmp_path: Path, mode: str) -> None:
    document = textured(uri="p.png")
    document.content["materials"][0]["pbrMetallicRoughness"].pop("baseColorFactor")
    grey = {
        "I;16": lambda: Image.fromarray(np.full((4, 4), 100 * 257, np.uint16)),
        "1": lambda: Image.new("1", (4, 4), 1),
        "P": lambda: Image.new("RGB", (4, 4), (100, 100, 100)).quantize(2),
    }.get(mode, lambda: Image.new("RGB", (4, 4), (100, 100, 100)).convert(mode))()
    grey.save(tmp_path / "p.png")
    _, colors = read_colored_mesh(document.write(tmp_path / "a.glb"))
    assert colors is not None and set(colors.of_faces().reshape(-1)) == {255 if mode == "1" else 100}


def test_morph_targets_points_and_hidden_nodes(tmp_path: Path) -> None:
    document = plain()
    primitive_of(document)["targets"] = [{"POSITION": document.accessor(np.tile([0, 0, 2.0], (4, 1)), "f4")}]
    document.content["meshes"][0]["weights"] = [0.5]
    document.content["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 0})
    document.add("nodes", {"mesh": 0})
    document.add("nodes", {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}})
    document.content["scenes"] = [{"nodes": [0, 1]}]
    findings = Findings()
    mesh, _ = read_colored_mesh(document.write(tmp_path / "a.glb"), None, findings)
    assert len(mesh.faces) == 2 and (mesh.vertices[:, 2] == 1).all()
    assert findings.sentences() == ("1 meshes with points or lines, which have no surface: a.glb",)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["accessors"][0].update(count=400),
        lambda c: c["accessors"][0].update(bufferView=9),
        lambda c: c["accessors"][0].update(componentType=77),
        lambda c: c["bufferViews"][0].update(byteLength=10**9),
        lambda c: c["nodes"][0].update(children=[0]),
        lambda c: c["nodes"][0].update(mesh=4),
        lambda c: c["asset"].update(version="1.0"),
        lambda c: c["meshes"][0]["primitives"][0].update(material=3),
        lambda c: c["meshes"][0].update(primitives=None),
        lambda c: c["accessors"][0].pop("bufferView"),
        lambda c: c["buffers"][0].update(uri="gone.bin"),
    ],
)
def test_a_document_that_contradicts_itself_is_named(tmp_path: Path, change: Any) -> None:
    path = plain().write(tmp_path / "a.gltf", "embedded")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UnreadableFile, match=r"a\.gltf"):
        read_colored_mesh(path)


@pytest.mark.parametrize("more", range(4))
def test_a_document_that_ends_with_zeros(tmp_path: Path, more: int) -> None:
    document = plain()
    document.padding = b"\0"
    document.content["asset"]["generator"] = "x" * more
    assert len(read_colored_mesh(document.write(tmp_path / "a.glb"))[0].faces) == 2


def test_faces_beyond_their_part_are_named(tmp_path: Path) -> None:
    """An index that would fall into the next part is broken all the same."""
    document = plain()
    primitive_of(document)["indices"] = document.accessor(np.array([0, 1, 5]), "u2")
    document.mesh({"POSITION": document.accessor(SQUARE + 3, "f4")})
    document.content["scenes"] = [{"nodes": [document.add("nodes", {"mesh": 1}), document.add("nodes", {"mesh": 0})]}]
    with pytest.raises(BadMesh, match="outside the vertices"):
        read_colored_mesh(document.write(tmp_path / "a.glb"))
