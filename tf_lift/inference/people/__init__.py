"""The default detector: two networks that find people and their landmarks, and how to get them."""
