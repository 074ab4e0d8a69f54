"""Results of a rerun beside those that it repeats: what is identical, what moved, and whether chance explains it."""
