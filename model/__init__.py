"""Networks, one a file, and beside them the weights and records they were shipped with."""
