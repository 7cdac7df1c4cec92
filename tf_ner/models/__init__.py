"""Models of transformers: loaded, written, and what is done to them. The only room that knows their classes."""
