"""Data: the procedural world `scenes` with exact ground truth, its protocols, and adapters for real data."""
