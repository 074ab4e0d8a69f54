"""A point encoder aligned with frozen towers, with features and clouds of two objects mixed (MM-Mixing spec 3)."""
