"""What a frozen tower says of something, computed once: one kind of input a module, each with ``encode(task)``."""
