"""One kind of figure a module: its ``Options``, and ``draw``, which makes the figure of a context."""

from pkgutil import iter_modules


def kind_names() -> list[str]:
    """Return the kinds there are: the names of the modules of this package, sorted."""
    return sorted(module.name for module in iter_modules(__path__))
