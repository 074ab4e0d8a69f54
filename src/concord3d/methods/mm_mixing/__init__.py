"""MM-Mixing: a point encoder aligned with frozen towers, with features and clouds of two objects mixed (spec 3)."""
