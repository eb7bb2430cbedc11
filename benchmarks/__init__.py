"""Measure this project side by side with its peers: same pictures, same network, every answer checked."""
