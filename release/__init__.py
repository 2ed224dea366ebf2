"""Preparing a release: its version, its changelog, and what the next release is tested against."""
