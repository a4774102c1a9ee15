"""bench-plan: what choices cost, a plan, the command; and who is looked at again when a runtime changed."""
