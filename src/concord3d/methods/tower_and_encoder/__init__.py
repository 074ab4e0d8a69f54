"""A trained point encoder and the tower that it was aligned with, asked together; nothing is trained."""
