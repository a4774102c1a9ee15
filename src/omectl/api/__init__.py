"""The types of every kind and the rules about names: no I/O."""
