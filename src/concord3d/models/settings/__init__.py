"""What each point encoder may be told, one encoder a module, read without torch.

A module named as in ``encoder.name`` holds ``SETTINGS``, an :class:`concord3d.models.encoder_settings.EncoderSettings`.
"""
