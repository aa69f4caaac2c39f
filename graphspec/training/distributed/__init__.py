"""Training in several processes, started by torchrun: the numbers of one process, in less time or less memory each."""
