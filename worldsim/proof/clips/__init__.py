"""True clips and how they become images: what faults and controls start from."""
