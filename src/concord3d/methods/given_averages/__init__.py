"""Objects of scans by features of one published model, which are given as files: ULIP-2 or Point-Bind."""
