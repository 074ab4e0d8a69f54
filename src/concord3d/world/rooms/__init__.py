"""Furnished rooms: their layouts, what stands in them, how a camera records them, and what is said of them."""
