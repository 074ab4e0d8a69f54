"""MM-Point: one point encoder aligned with many rendered views at once (MM-Point spec 2.5 and 3)."""
