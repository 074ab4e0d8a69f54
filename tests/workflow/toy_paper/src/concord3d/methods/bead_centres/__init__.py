"""A made-up method: an encoder of strings with a slowly following teacher."""
