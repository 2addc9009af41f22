"""The audit trail, the logs and the notifications that a run leaves behind."""
