"""What runs the exported files, each in a process of its own with limits."""
