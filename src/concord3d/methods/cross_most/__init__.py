"""Cross-MoST: two branches teach each other the classes of unlabelled objects."""
