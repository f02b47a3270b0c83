"""Trainers: from a split of a dataset to a student."""
