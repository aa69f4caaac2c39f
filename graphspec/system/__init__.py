"""What graphspec needs of the machine: files that survive a crash, memory, processes, compiled code."""
