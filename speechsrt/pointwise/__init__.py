"""The interchangeable linear maps on the channel axis: one file a kind, and the rules that place them."""
