"""The node agent: finds the models that this node should hold, brings their files and reports what it has."""
