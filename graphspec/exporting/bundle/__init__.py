"""The folder of an export: its files, its manifest, its README, and how it is published."""
