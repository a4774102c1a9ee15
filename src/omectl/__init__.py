"""omectl: a Kubernetes operator that treats large language models as first-class objects."""

__version__ = "0.1.0"
