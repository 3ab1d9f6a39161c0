"""How good the networks are: measurements, tables, pictures, and the model card."""
