"""File formats that several families of data sets are written in."""
