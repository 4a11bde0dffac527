"""Proof that the evaluator finds what is wrong and only that: planted faults, and controls."""
