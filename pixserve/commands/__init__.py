"""The command line `cifar10`: for people at a terminal, and for scripts."""
