"""Point encoders that are ready for use: of a run of this repository, of a release, from a file, or of the user."""

from concord3d.pretrained.encoder import PretrainedEncoder
from concord3d.pretrained.loading import load_encoder

__all__ = ["PretrainedEncoder", "load_encoder"]
