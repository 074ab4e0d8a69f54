"""Alignment of what is known of the objects of scans: pictures, points, CAD models and sentences (CrossOver)."""
