"""Not the loop (see loops/): everything that holds or changes device state, and nothing else."""
