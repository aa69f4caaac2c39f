"""What is looked at before and while a network learns, so that a mistake costs seconds and not hours."""
