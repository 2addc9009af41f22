"""The notifications that a run sends; the audit trail lies with the state, under its lock."""
