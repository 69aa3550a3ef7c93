"""Recorded exchanges of a real Commerce, replayed against the stand-in and read by the product's own readers."""
