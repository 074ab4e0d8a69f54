"""One kind of figure a module, found by its name."""
