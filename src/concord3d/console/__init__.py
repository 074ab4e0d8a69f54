"""What a run shows on the console: a line per job, one bar, the time left, and the end of the log of a job that failed."""
