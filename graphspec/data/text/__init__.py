"""Texts: a tokenizer is trained on those of the training part, and every part's become ids of one length."""
