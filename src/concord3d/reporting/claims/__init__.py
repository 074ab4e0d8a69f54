"""Comparisons of measured and published numbers, and verdicts on claims."""
