"""The command line: python -m unmask."""
