"""What actions change: a model and the simulator under pairs of actions, and many futures."""
