"""Load tests of this project beside other servers: the same images and network, every answer checked.

In: training records and images. Out: tables for people, JSON documents under `benchmarks/results/`. Nobody imports it.
"""
