"""Benchmarks of the project: each measures its subject and its peers in one run. Run one with `make bench-NAME`."""
