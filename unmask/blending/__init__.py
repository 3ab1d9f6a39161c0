"""Puts a fill into its photo so that it fits: tone, colour at the edge, grain and texture."""
