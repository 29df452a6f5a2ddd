"""Text: what is written becomes the tokens a model learns, and a language model of the words."""
