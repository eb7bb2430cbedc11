"""Training: sources of pictures, recipes, the loop, evaluation, and the record that goes beside the weights."""
