"""Uploads, in the background."""
