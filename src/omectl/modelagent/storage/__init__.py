"""Backends: each answers which files a model has, how large, which digest, and which request reads a range of them."""
