"""What a run shows on the console: a line per job, one bar, the time left, and the log of a failed job."""
