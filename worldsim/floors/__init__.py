"""What the evaluator finds in clips that are true: the floors under every number it reports."""
