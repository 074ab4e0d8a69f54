"""The point encoder as it is initialised, as the reference row of any paper."""
