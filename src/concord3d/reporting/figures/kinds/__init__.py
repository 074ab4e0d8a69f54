"""One kind of figure a module: its ``Options``, and ``draw``, which makes the figure of a context."""

from concord3d.named_modules import module_names


def kind_names() -> tuple[str, ...]:
    """Return the kinds there are: the names of the modules of this package, sorted."""
    return module_names(__name__)
