"""Choices of the recipe, each against the reference at equal wall-clock, as one table."""
