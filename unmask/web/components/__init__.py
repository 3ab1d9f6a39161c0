"""Parts of the page that more than one tab, or one card, is built from."""
