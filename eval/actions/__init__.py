"""What actions change: pairs of clips from one start, and many clips of one future."""
