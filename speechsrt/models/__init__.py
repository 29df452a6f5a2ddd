"""Networks over ``(B, T, C)``, built from one separable block; none knows which kind its 1x1s are."""
