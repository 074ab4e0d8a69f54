"""Object arrays of ``.npy`` files, read without running anything that the file says.

Such a file holds a program of the pickle format, which could call any function. Here the program is only looked at,
opcode by opcode: those that build plain data (numbers, texts, bytes, lists, tuples, dictionaries) are followed, the
few functions that numpy names for its arrays, dtypes and scalars are replaced by our own, and everything else is
refused with its name and place.
"""

from __future__ import annotations

import math
import mmap
import re
from dataclasses import dataclass, field
from pathlib import Path
from pickletools import genops
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from concord3d.data.layout import NEXT_STEP
from concord3d.errors import UnreadableFile

_MAX_PROTOCOL = 5
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# What numpy names in its pickles; it moved from numpy.core to numpy._core with version 2.
_FUNCTIONS = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "bytes",
    **{(f"numpy.{core}.multiarray", "_reconstruct"): "reconstruct" for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): "scalar" for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): "frombuffer" for core in ("core", "_core")},
}
_DTYPE = re.compile(r"O8?|b1|[?]|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,6}")
_PLAIN = (type(None), bool, int, float, str, bytes, np.number, np.bool_, np.str_, np.bytes_)


class _Refused(Exception):
    """The program asks for something that is not plain data."""


@dataclass(frozen=True)
class _Function:
    """A name of ``_FUNCTIONS`` on the stack."""

    name: str


@dataclass
class _Unbuilt:
    """An array or a dtype whose state has not come yet.

    Attributes:
        code: Code of a dtype, None for an array.
        memo_keys: Where it was remembered: what is built takes its place there.
    """

    code: str | None
    memo_keys: list[int] = field(default_factory=list)


def read_objects(path: Path) -> Any:
    """Read a ``.npy`` file of plain data.

    Args:
        path: Written by ``numpy.save``, of any dtype, also ``object``.

    Returns:
        The array; of an object array without dimensions, its only item. Arrays may be read-only.

    Raises:
        UnreadableFile: Absent, truncated, of another format, or it holds anything but plain data and arrays of it.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            # A map has the methods asked for and, unlike a file, reserves no memory for bytes that are not there.
            return parse_objects(cast(BinaryIO, mapped), str(path))
    except (OSError, ValueError) as error:
        raise UnreadableFile("Cannot read a .npy file", where=path, found=error) from error


def parse_objects(stream: BinaryIO, where: str) -> Any:
    """Read plain data from an open ``.npy`` file in memory; see :func:`read_objects`.

    Args:
        stream: Positioned at its beginning; ``read`` must not reserve memory for more than there is.
        where: Name of the file in errors.
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of the format")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        if not dtype.hasobject:
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # the header is parsed as Python, whose tokeniser has errors of its own
        raise UnreadableFile("Cannot read a .npy file", where=where, found=error) from error
    array = _run(stream, where)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        found = f"{type(array).__name__} {getattr(array, 'shape', '')}"
        raise UnreadableFile("A .npy file holds another array than it announces", where=where, found=found)
    return array[()] if array.dtype == object and array.ndim == 0 else array


def read_pickled(path: Path) -> Any:
    """Read a file that is such a program by itself (``.pkl``), of plain data.

    Args:
        path: Written by ``pickle.dump``, with protocol 5 or an older one from 2 on.

    Returns:
        What it builds.

    Raises:
        UnreadableFile: Absent, truncated, of another format, or it holds anything but plain data and arrays of it.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _run(cast(BinaryIO, mapped), str(path))
    except (OSError, ValueError) as error:
        raise UnreadableFile("Cannot read a pickled file", where=path, found=error, next_step=NEXT_STEP) from error


def _run(stream: BinaryIO, where: str) -> Any:
    """Follow the program and return what it builds."""
    machine, position, what = _Machine(), 0, "the beginning"
    try:
        for opcode, argument, place in genops(stream):
            position, what = int(place or 0), opcode.name
            machine.step(opcode.name, argument)
        (result,) = machine.stack
        _check_plain(result)
    except _Refused as error:
        raise UnreadableFile(
            "A file asks for more than plain data and was not read",
            where=f"{where}, byte {position}",
            expected="numbers, texts, lists, dictionaries and numpy arrays of them",
            found=f"{what}: {error}",
            next_step="do not open it with anything that unpickles; obtain the file again from its source",
        ) from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError) as error:
        raise UnreadableFile(
            "Cannot read an array of objects (truncated or damaged)",
            where=f"{where}, byte {position}",
            found=f"{what}: {type(error).__name__}: {error}",
        ) from error
    return result


class _Machine:
    """The stack, the marks in it and the memo of a program."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if opcode == "EMPTY_LIST" else {})
        elif opcode in _TUPLES:
            self._push_tuple(_TUPLES[opcode])
        elif opcode == "MARK":
            self._marks.append(len(stack))
        elif opcode == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif opcode in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._remember(len(self._memo) if opcode == "MEMOIZE" else argument)
        elif opcode in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif opcode in ("GLOBAL", "STACK_GLOBAL"):
            self._push_function(argument)
        elif opcode == "PROTO":
            if argument > _MAX_PROTOCOL:
                raise ValueError(f"protocol {argument}")
        elif opcode not in ("FRAME", "STOP"):
            self._change(opcode)

    def _change(self, opcode: str) -> None:
        """Opcodes that fill a container or make an array."""
        stack = self.stack
        if opcode in ("APPEND", "APPENDS"):
            items = self._since_mark() if opcode == "APPENDS" else [stack.pop()]
            _expect(stack[-1], list).extend(items)
        elif opcode in ("SETITEM", "SETITEMS"):
            items = self._since_mark() if opcode == "SETITEMS" else [stack.pop(-2), stack.pop()]
            if len(items) % 2 or not all(isinstance(key, str | int) for key in items[::2]):
                raise _Refused("keys of a dictionary that are neither texts nor whole numbers")
            _expect(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
        elif opcode == "REDUCE":
            arguments = _expect(stack.pop(), tuple)
            stack.append(_call(_expect(stack.pop(), _Function).name, arguments))
        elif opcode == "BUILD":
            state = _expect(stack.pop(), tuple)
            unbuilt = _expect(stack.pop(), _Unbuilt)
            made = _array(state) if unbuilt.code is None else _dtype(unbuilt.code, state)
            self._memo.update(dict.fromkeys(unbuilt.memo_keys, made))
            stack.append(made)
        else:
            raise _Refused("an opcode that plain data do not need")

    def _push_tuple(self, length: int) -> None:
        start = len(self.stack) - length
        if start < 0:
            raise IndexError("the stack is too short")
        self.stack[start:] = [tuple(self.stack[start:])]

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _remember(self, key: int) -> None:
        self._memo[key] = self.stack[-1]
        if isinstance(self.stack[-1], _Unbuilt):
            self.stack[-1].memo_keys.append(key)

    def _push_function(self, argument: str | None) -> None:
        if argument is None:
            name, module = self.stack.pop(), self.stack.pop()
        else:
            module, _, name = argument.partition(" ")
        if not (isinstance(module, str) and isinstance(name, str)) or (module, name) not in _FUNCTIONS:
            raise _Refused(f"the function {module}.{name}")
        self.stack.append(_Function(_FUNCTIONS[module, name]))


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise _Refused(f"{type(value).__name__.strip('_')} where {kind.__name__.strip('_')} belongs")
    return value


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    """What stands for the functions that numpy names."""
    if name == "reconstruct" and arguments and arguments[0] == _Function("ndarray"):
        return _Unbuilt(None)
    if name == "dtype" and arguments and isinstance(arguments[0], str) and _DTYPE.fullmatch(arguments[0]):
        return _Unbuilt(arguments[0])
    if name == "scalar" and len(arguments) == 2 and isinstance(arguments[1], bytes):
        dtype = _expect(arguments[0], np.dtype)
        return _filled(arguments[1], dtype, (), "C")[()]
    if name == "frombuffer" and len(arguments) == 4 and isinstance(arguments[0], bytes):
        return _filled(arguments[0], _expect(arguments[1], np.dtype), arguments[2], arguments[3])
    if name == "encode" and len(arguments) == 2 and isinstance(arguments[0], str) and arguments[1] == "latin1":
        return arguments[0].encode("latin1")
    if name == "bytes" and not arguments:
        return b""
    raise _Refused(f"{name} with arguments that numpy does not write ({arguments!r:.80})")


def _dtype(code: str, state: tuple[Any, ...]) -> np.dtype[Any]:
    """A dtype from its code and its pickled state: version, byte order, then fields, which plain arrays lack."""
    if len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise _Refused("a dtype with fields")
    return np.dtype(code).newbyteorder("|" if state[1] == "|" else state[1])


def _array(state: tuple[Any, ...]) -> NDArray[Any]:
    """An array from its pickled state: version, shape, dtype, whether columns run first, content."""
    _, shape, dtype, by_column, content = state
    if not _expect(dtype, np.dtype).hasobject:
        return _filled(content, dtype, shape, "F" if by_column else "C")
    items = _expect(content, list)
    array = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = item
    return array.reshape(_shape(shape, len(items)), order="F" if by_column else "C")


def _filled(content: Any, dtype: np.dtype[Any], shape: Any, order: str) -> NDArray[Any]:
    if dtype.hasobject or dtype.itemsize == 0 or not isinstance(content, bytes) or order not in ("C", "F"):
        raise _Refused(f"an array of {dtype} made from {type(content).__name__}")
    flat = np.frombuffer(content, dtype)
    return flat.reshape(_shape(shape, len(flat)), order="F" if order == "F" else "C")


def _shape(shape: Any, length: int) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise _Refused(f"the shape {shape!r:.80}")
    if math.prod(shape) != length:
        raise ValueError(f"{length} items for an array of shape {shape}")
    return shape


def _check_plain(result: Any) -> None:
    """Refuse what has no business in data: functions, arrays without state, containers that hold themselves."""
    waiting: list[tuple[Any, bool]] = [(result, False)]
    done: set[int] = set()
    open_now: set[int] = set()
    while waiting:
        value, closes = waiting.pop()
        if closes:
            open_now.discard(id(value))
            done.add(id(value))
            continue
        if id(value) in open_now:
            raise _Refused("a container that holds itself")
        if isinstance(value, _PLAIN) or id(value) in done or (isinstance(value, np.ndarray) and value.dtype != object):
            continue
        if not isinstance(value, list | tuple | dict | np.ndarray):
            raise _Refused(f"{type(value).__name__.strip('_')} among the data")
        open_now.add(id(value))
        waiting.append((value, True))
        items = value.values() if isinstance(value, dict) else value.flat if isinstance(value, np.ndarray) else value
        waiting.extend((item, False) for item in items)


def another_form(path: Path, expected: str, error: Exception) -> UnreadableFile:
    """Return the error that says that a file holds plain data of another form than expected."""
    return UnreadableFile(
        "A file of the release has another form", where=path, expected=expected, found=repr(error), next_step=NEXT_STEP
    )
