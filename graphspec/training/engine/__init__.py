"""How a step is computed: as the loop has it, or by a faster way to the same numbers."""
