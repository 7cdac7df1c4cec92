"""Fine-tuned models for other runtimes, each measured against the original before it is kept."""
