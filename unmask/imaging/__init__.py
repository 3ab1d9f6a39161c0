"""Pictures at the edges of Unmask: untrusted files read safely, arrays to tensors and back, files written."""
