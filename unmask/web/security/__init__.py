"""What stands between strangers and the demo."""
