"""What a network predicts of a part of the data, and how good that is."""
