"""Aligned towers: a projection from frozen picture features to frozen sentence features."""
