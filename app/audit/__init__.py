"""Nothing can be changed unseen: the chain of audit events, and the auditor's work."""
