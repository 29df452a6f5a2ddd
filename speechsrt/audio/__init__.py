"""Sound: reading files, features, augmentation and synthesis."""
