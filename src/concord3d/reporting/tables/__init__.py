"""Published cells with ours beside them."""
