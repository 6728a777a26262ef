"""Features of users' own: a class in a file of theirs, which computes them from samples."""
