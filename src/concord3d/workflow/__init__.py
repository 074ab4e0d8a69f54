"""The graph as data: where every file lies, which nodes there are, what each is made of, and what its record says."""
