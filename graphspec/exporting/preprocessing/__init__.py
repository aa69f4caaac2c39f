"""What stands before the network in an export: from a raw sample to what forward takes."""
