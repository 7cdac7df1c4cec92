"""Texts with labels: from the Hub, a folder or files."""
