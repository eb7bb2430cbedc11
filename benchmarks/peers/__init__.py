"""The same classification service, written for each peer as its own documentation recommends."""
