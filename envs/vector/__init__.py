"""Many environments as one."""
