"""What a network answers on a part of the data, and what that is worth."""
