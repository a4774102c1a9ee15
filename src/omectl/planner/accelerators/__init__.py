"""Accelerator classes: which nodes carry them, how many are free, and which class a component gets. Pure."""
