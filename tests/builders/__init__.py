"""Tiny seeded builders that tests of several rooms share."""
