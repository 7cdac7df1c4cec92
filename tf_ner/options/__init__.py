"""Every option once. Knows no other room."""
