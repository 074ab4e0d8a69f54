"""Functions and classes as pages of the API show them, read from what is imported."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from concord3d.errors import ConfigError, nearest
from concord3d.site.docstrings import Docstring

# A longer signature gets a line for each parameter.
_LINE = 88
# A class of more fields is made by a function or read from a file; its attributes say what it holds.
_MOST_FIELDS = 12


@dataclass(frozen=True)
class ApiObject:
    """A function, a class or a member of a class.

    Attributes:
        name: As it is called, ``PretrainedEncoder.embed`` of a method.
        module: The module that it is imported from.
        signature: How it is called; empty of a property, and of a class that is not made by the user.
        kind: ``function``, ``class``, ``method`` or ``property``.
        docstring: What is said of it.
        members: Of a class: its own public methods and properties, in the order of its source.
    """

    name: str
    module: str
    signature: str
    kind: str
    docstring: Docstring
    members: tuple[ApiObject, ...] = ()

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        return self.docstring.paragraphs[0]


def read_api(address: str) -> list[ApiObject]:
    """Return what an address names.

    Args:
        address: ``module:name``, or ``module:*`` for all public classes that the module defines.

    Raises:
        ConfigError: There is no such module or name, or it has no docstring.
    """
    module_name, _, name = address.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError("The API names a module that is not there", where=address, found=error) from error
    if name == "*":
        classes = inspect.getmembers(module, inspect.isclass)
        own = [found for found, kind in classes if kind.__module__ == module_name and not found.startswith("_")]
        own.sort(key=lambda found: inspect.getsourcelines(getattr(module, found))[1])
        return [_read(module_name, found, getattr(module, found)) for found in own]
    if not hasattr(module, name):
        known = [found for found in vars(module) if not found.startswith("_")]
        raise ConfigError(f"The API names '{name}'{nearest(name, known)}", where=module_name, found="no such name")
    return [_read(module_name, name, getattr(module, name))]


def modules_by_name(package: str, attribute: str) -> list[tuple[str, str]]:
    """Return the modules of a package that are looked up by name, each with the first paragraph of its docstring.

    Args:
        package: The package.
        attribute: What such a module defines, for example ``READER``.
    """
    folder = import_module(package).__path__
    modules = [(name, import_module(f"{package}.{name}")) for _, name, _ in pkgutil.iter_modules(folder)]
    return [(name, _docstring(module, name).paragraphs[0]) for name, module in modules if hasattr(module, attribute)]


def _read(module: str, name: str, found: Any) -> ApiObject:
    """Return a function or a class."""
    if not inspect.isclass(found):
        return ApiObject(name, module, _signature(name, found), "function", _docstring(found, name))
    made_elsewhere = issubclass(found, Exception) or len(inspect.signature(found).parameters) > _MOST_FIELDS
    signature = "" if made_elsewhere else _signature(name, found)
    members = tuple(_members(module, name, found))
    return ApiObject(name, module, signature, "class", _docstring(found, name), members)


def _members(module: str, owner: str, found: type) -> Iterator[ApiObject]:
    """Yield the public methods and properties that a class defines itself."""
    for name, member in vars(found).items():
        called = f"{owner}.{name}"
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield ApiObject(called, module, "", "property", _docstring(member, called))
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            bound = getattr(found, name)
            signature = _signature(called, bound, without_self=inspect.isfunction(member))
            # What a docstring of the base class says holds for a method without one.
            yield ApiObject(called, module, signature, "method", _docstring(bound, called))


def _docstring(found: object, name: str) -> Docstring:
    text = inspect.getdoc(found)
    if not text:
        raise ConfigError("A documented name has no docstring", where=name, next_step="write one")
    return Docstring.of(text)


class _AsWritten(str):
    """An annotation that a signature shows without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def _signature(name: str, found: Callable[..., Any], without_self: bool = False) -> str:
    """Return how something is called, with annotations as the source has them."""
    signature = inspect.signature(found)
    parameters = [
        each.replace(annotation=_as_written(each.annotation))
        for each in list(signature.parameters.values())[1 if without_self else 0 :]
    ]
    # What a class returns needs no words.
    returned = signature.empty if inspect.isclass(found) else _as_written(signature.return_annotation)
    whole = signature.replace(parameters=parameters, return_annotation=returned)
    line = f"{name}{whole}"
    if len(line) <= _LINE:
        return line
    by_name_alone = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    lines = [f"{name}("]
    for each in parameters:
        lines += ["    *,"] if by_name_alone[:1] == [each.name] else []
        lines.append(f"    {each},")
    return "\n".join([*lines, str(whole.replace(parameters=[]))[1:]])


def _as_written(annotation: Any) -> Any:
    return _AsWritten(annotation) if isinstance(annotation, str) else annotation
