"""Dreams: drawn by one network, read and judged one by one."""
