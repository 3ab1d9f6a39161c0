"""What a network is told about its result: losses, discriminators, and the frozen trunk both look through."""
