"""The result site: static pages of everything that the committed results say."""
