"""Generators of shapes, by what a category is for."""
