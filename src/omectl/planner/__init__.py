"""From a service and what it refers to, to the objects that serve it. Pure: no I/O, no clock, no randomness."""
