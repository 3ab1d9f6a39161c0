"""Many photos: in threads of this machine, or on Ray."""
