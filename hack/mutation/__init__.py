"""Mutation runs over the machinery: change one thing in a copy of the code, and see whether a unit test notices."""
