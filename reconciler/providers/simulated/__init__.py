"""The provider `simulated`: a GPU market that needs no account."""
