"""Object arrays are read as numpy wrote them, and nothing that a hostile file asks for happens."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord3d.data.formats.npy_objects import parse_objects, read_objects
from concord3d.errors import UnreadableFile

SHAPE = {
    "dataset": "Objaverse",
    "xyz": np.arange(12, dtype=np.float64).reshape(4, 3),
    "rgb": np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3),
    "image_feat": np.ones((2, 5), np.float16),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "strided": np.arange(20, dtype=np.int32)[::3],
    "big_endian": np.arange(3, dtype=">f4"),
    "flags": np.array([True, False]),
    "words": np.array(["ab", "c"]),
    "bytes_": np.array([b"ab", b"c"]),
    "objects": np.array(["x", None, 3], dtype=object),
    "empty": np.zeros((0, 7), np.float32),
    "nothing": np.float32(3.5),
    "truth": np.bool_(True),
    "name": np.str_("hi"),
    "text": ["a", "ü", "椅子", ""],
    "text_feat": [{"original": np.zeros(3, np.float32), "prompt_avg": np.ones((1, 3), np.float32)}] * 2,
    "none": None,
    "numbers": [0, -1, 255, 70_000, 2**40, -(2**31), 1.5, True, False],
    "tuple": (1, (), (2, 3), (1, 2, 3, 4)),
    "raw": b"\x00\xff",
}  # fmt: skip


def saved(path: Path, content: Any, protocol: int | None = None) -> Path:
    """Write as ``numpy.save`` does; a protocol other than its own is written by hand."""
    if protocol is None:
        np.save(path, content, allow_pickle=True)
        return path
    array = np.empty((), dtype=object)
    array[()] = content
    return program(path, pickle.dumps(array, protocol))


def program(path: Path, opcodes: bytes) -> Path:
    """Write an object array whose content is the given program."""
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
        stream.write(opcodes)
    return path


def same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray):
        alike = isinstance(second, np.ndarray) and first.dtype == second.dtype and first.shape == second.shape
        return alike and all(same(a, b) for a, b in zip(first.flat, second.flat, strict=True))
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return type(first) is type(second) and len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and first == second


@pytest.mark.parametrize("protocol", [None, 2, 3, 4, 5])
def test_what_numpy_wrote_is_read(tmp_path: Path, protocol: int | None) -> None:
    assert same(SHAPE, read_objects(saved(tmp_path / "a.npy", SHAPE, protocol)))


@pytest.mark.parametrize("protocol", [2, 4])
def test_names_of_the_older_numpy_are_known(tmp_path: Path, protocol: int) -> None:
    path = saved(tmp_path / "a.npy", SHAPE, protocol)
    content = path.read_bytes()
    if protocol == 2:
        older = content.replace(b"numpy._core.", b"numpy.core.")
    else:
        new, old = "numpy._core.multiarray", "numpy.core.multiarray"
        older = content.replace(b"\x8c" + bytes([len(new)]) + new.encode(), b"\x8c" + bytes([len(old)]) + old.encode())
    assert older != content
    path.write_bytes(older)
    assert same(SHAPE, read_objects(path))


def test_arrays_of_dictionaries_and_plain_arrays(tmp_path: Path) -> None:
    several = np.array([{"xyz": np.eye(3)}, {"xyz": np.zeros((2, 3))}], dtype=object)
    np.save(tmp_path / "several.npy", several, allow_pickle=True)
    assert same(several, read_objects(tmp_path / "several.npy"))
    np.save(tmp_path / "plain.npy", np.arange(6.0).reshape(2, 3))
    assert same(np.arange(6.0).reshape(2, 3), read_objects(tmp_path / "plain.npy"))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=plain, protocol=st.sampled_from([2, 3, 4, 5]))
def test_any_plain_data(tmp_path: Path, content: Any, protocol: int) -> None:
    assert same(content, read_objects(saved(tmp_path / "a.npy", content, protocol)))


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


class Plain:
    """An ordinary object."""

    def __init__(self) -> None:
        self.value = 1


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {folder}/owned",)),
        (eval, ("open('{folder}/owned', 'w')",)),
        (exec, ("open('{folder}/owned', 'w')",)),
        (open, ("{folder}/owned", "w")),
        (np.save, ("{folder}/owned", 1)),
        (getattr, ("text", "upper")),
        (np.load, ("{folder}/other.npy",)),
        (bytearray, (10,)),
        (OrderedDict, ([("a", 1)],)),
    ],
)
def test_functions_are_named_and_never_called(tmp_path: Path, function: Any, arguments: tuple, protocol: int) -> None:
    given_arguments = tuple(a.format(folder=tmp_path) if isinstance(a, str) else a for a in arguments)
    path = saved(tmp_path / "a.npy", {"xyz": np.eye(3), "text": Runs(function, *given_arguments)}, protocol)
    with pytest.raises(UnreadableFile, match=f"the function .*{function.__name__}") as caught:
        read_objects(path)
    assert f"{path}, byte " in str(caught.value)
    assert not list(tmp_path.glob("owned*"))


@pytest.mark.parametrize(
    "content",
    [Plain(), Plain, os.system, {1, 2}, complex(1, 2), {(1, 2): "key"}, np.dtype("f4"), slice(1), range(3)],
)
def test_objects_that_are_no_data(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UnreadableFile, match="more than plain data"):
        read_objects(saved(tmp_path / "a.npy", {"a": content}))


@pytest.mark.parametrize(
    "array",
    [np.zeros(2, [("a", "f4")]), np.zeros(2, "datetime64[s]"), np.zeros(2, "V4")],
    ids=["fields", "datetime", "void"],
)
def test_arrays_of_other_kinds(tmp_path: Path, array: Any) -> None:
    with pytest.raises(UnreadableFile):
        read_objects(saved(tmp_path / "a.npy", {"a": array}))


def test_containers_that_hold_themselves(tmp_path: Path) -> None:
    ring: list[Any] = []
    ring.append([ring])
    table: dict[str, Any] = {}
    table["a"] = (table,)
    for content in (ring, table):
        with pytest.raises(UnreadableFile, match="holds itself"):
            read_objects(saved(tmp_path / "a.npy", {"a": content}))
    twice = {"a": [[1]] * 2}
    assert same(twice, read_objects(saved(tmp_path / "a.npy", twice)))


def test_nesting_without_end_does_not_break_the_stack(tmp_path: Path) -> None:
    # Written by hand, because the writer itself recurses.
    depth = 100_000
    body = pickle.PROTO + b"\x02" + pickle.EMPTY_LIST * depth + pickle.APPEND * (depth - 1) + pickle.STOP
    with pytest.raises(UnreadableFile, match="another array"):
        read_objects(program(tmp_path / "a.npy", body))


def array_program(shape: bytes, dtype: bytes, content: bytes) -> bytes:
    """A protocol 2 program for ``numpy.ndarray`` with any state."""
    reconstruct = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00btR"
    return b"\x80\x02" + reconstruct + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb."


FLOATS = b"".join(
    [
        b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R",
        b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
    ]
)


def test_a_program_by_hand_is_understood() -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    stream.write(array_program(b"K\x02\x85", FLOATS, b"C\x08" + struct.pack("<2f", 1, 2)))
    stream.seek(0)
    assert same(np.array([1, 2], np.float32), parse_objects(stream, "here"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (array_program(b"K\x03\x85", FLOATS, b"C\x08" + bytes(8)), "2 items for an array of shape"),
        (array_program(b"J\xff\xff\xff\xffK\xfe\x86", FLOATS, b"C\x08" + bytes(8)), "the shape"),
        (array_program(b"X\x01\x00\x00\x00a\x85", FLOATS, b"C\x08" + bytes(8)), "the shape"),
        (array_program(b"K\x02\x85", FLOATS, b"]"), "made from list"),
        (array_program(b"K\x02\x85", b"K\x07", b"C\x08" + bytes(8)), "dtype"),
        (array_program(b"K\x02\x85", FLOATS.replace(b"f4", b"M8"), b"C\x08" + bytes(8)), "dtype"),
        (array_program(b"K\x02\x85", FLOATS.replace(b"f4", b"f9"), b"C\x08" + bytes(8)), "dtype"),
        (b"\x80\x02cos\nsystem\n.", "the function os.system"),
        (b"\x80\x02X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.", "the function os.system"),
        (b"\x80\x02K\x01K\x02\x93.", "the function 2.1|the function 1.2"),
        (b"\x80\x02cnumpy\nndarray\n.", "Function among the data"),
        (b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00btR.", "Unbuilt"),
        (b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n)R.", "arguments that numpy does not write"),
        (b"\x80\x02K\x01K\x02b.", "tuple"),
        (b"\x80\x02K\x01)b.", "Unbuilt"),
        (b"\x80\x02K\x01)R.", "Function"),
        (b"\x80\x02K\x01K\x02a.", "list"),
        (b"\x80\x02}]K\x01s.", "keys of a dictionary"),
        (b"\x80\x02}(K\x01u.", "keys of a dictionary"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02P1\n.", "PERSID"),
        (b"\x80\x02Nb.", "tuple"),
        (b"\x80\x02i__main__\nPlain\n.", "INST"),
        (b"\x80\x02)\x81.", "NEWOBJ"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x02h\x05.", "KeyError"),
        (b"\x80\x02.", "ValueError"),
        (b"\x80\x02K\x01K\x02.", "ValueError"),
        (b"\x80\x02t.", "IndexError"),
        (b"\x80\x02K\x01\x87.", "IndexError"),
        (b"\x80\x7fK\x01.", "protocol 127"),
        (b"\x80\x02\xff.", "unknown"),
        (b"\x80\x02B\xff\xff\xff\x7fabc", "expected 2147483647 bytes"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc", "BINBYTES8|expected|beginning|PROTO"),
        (b"\x80\x02X\x02\x00\x00\x00\xff\xfe.", "codec"),
        (b"", "exhausted|truncated"),
    ],
)
def test_programs_of_every_bad_kind_are_named(tmp_path: Path, body: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        read_objects(program(tmp_path / "a.npy", body))
    assert "a.npy" in str(caught.value)


def test_files_cut_anywhere_are_named(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.npy", SHAPE).read_bytes()
    for cut in [0, 3, 8, 60, 127, *range(128, len(whole) - 1, max(1, len(whole) // 40))]:
        (tmp_path / "a.npy").write_bytes(whole[:cut])
        with pytest.raises(UnreadableFile, match=r"a\.npy"):
            read_objects(tmp_path / "a.npy")
    with pytest.raises(UnreadableFile, match=r"absent\.npy"):
        read_objects(tmp_path / "absent.npy")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_flipped_byte_gives_data_or_a_named_error(tmp_path: Path, position: float, byte: int) -> None:
    content = bytearray(saved(tmp_path / "a.npy", SHAPE).read_bytes())
    content[int(position * len(content))] = byte
    (tmp_path / "a.npy").write_bytes(content)
    try:
        read_objects(tmp_path / "a.npy")
    except UnreadableFile as error:
        assert "a.npy" in str(error)


def test_every_opcode_is_followed_or_refused() -> None:
    """No opcode of the format slips through as something that is silently ignored."""
    harmless = {"PROTO", "FRAME", "STOP", "MARK"}
    for opcode in pickletools.opcodes:
        if opcode.name in harmless or opcode.stack_after:
            continue
        body = b"\x80\x04" + opcode.code.encode("latin1") + b"\x00" * 4 + b"."
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
        stream.write(body)
        stream.seek(0)
        with pytest.raises(UnreadableFile):
            parse_objects(stream, opcode.name)
