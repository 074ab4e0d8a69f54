"""What is computed once for all trainings, such as what a frozen tower says: a kind a module, with ``encode(task)``."""
