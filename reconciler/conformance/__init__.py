"""One suite for every provider, ours and others: docs/providers/third-party.md."""
