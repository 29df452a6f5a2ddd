"""What a trained model is worth: accuracy with its interval, confusions, and what it costs to run."""
