"""MM-Point: one point encoder aligned with many rendered views at once (spec 2.5 and 3)."""
