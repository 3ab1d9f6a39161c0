"""The page's tabs, one or two files each: wiring only."""
