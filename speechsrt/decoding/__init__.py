"""From log probabilities over time to tokens, words and their times."""
