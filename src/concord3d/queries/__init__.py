"""What trained encoders are used for: from one modality of a scene to the scenes of a store, and to their objects."""
