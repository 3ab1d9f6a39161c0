"""The networks, one file each, named after their papers. They take and return tensors only."""
