"""What is trained on: faces, scenes, labels, and how batches are drawn from them."""
