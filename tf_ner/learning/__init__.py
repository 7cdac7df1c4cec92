"""One step of a training and what it needs: loss, gradients, optimizer, schedule."""
