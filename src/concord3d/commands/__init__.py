"""What each verb of the command line does. Snakemake and DVC are called as programs, never imported."""
