"""A run's folder and the states in it: written, found again, gone on from."""
