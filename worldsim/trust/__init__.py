"""How far a model's own warnings can be trusted: its uncertainty and its alarms against errors."""
