"""Faces of a photo: detector, landmarks, the square crop and the way back, and how the landmarks are moved."""
