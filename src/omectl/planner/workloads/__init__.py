"""The objects of each deployment mode, one module per mode."""
