"""Pure decisions: what to create, keep, replace and destroy, and why."""
