"""A cross-validation over areas of a building: semantic segmenters, each trained without one area, as one module."""
