"""Servers on this machine: a real control plane, an embedded API server, a hub of models.

Nothing in production imports it.
"""
