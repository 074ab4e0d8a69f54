"""Objects of the synthetic world: shapes by category, their captions, and what a depth sensor sees of them."""
