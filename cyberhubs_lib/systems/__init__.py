"""Operating systems: what they are, one small class a family; choose.py decides once which."""
