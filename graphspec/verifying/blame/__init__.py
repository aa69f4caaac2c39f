"""Which layer is at fault where a file gives other numbers."""
