"""How fast things are on this machine: one module a bench, each with a `run`."""
