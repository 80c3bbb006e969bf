"""Pieces of work, and where they are done: on this machine or on a cluster, by the same code."""
