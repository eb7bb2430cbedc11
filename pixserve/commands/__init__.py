"""The command line `pixserve`: tables and progress for people at a terminal, JSON and exit codes for scripts."""
