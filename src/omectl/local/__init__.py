"""Servers on this machine: a real control plane, and a hub of models. Nothing in production imports it."""
