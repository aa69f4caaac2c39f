"""Programs of ``torch.export`` as networks: their calls put back into the modules that they came from."""
