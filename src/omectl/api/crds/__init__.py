"""The CustomResourceDefinitions of the eight kinds, made from the types and from Kubernetes' own pod schema."""
