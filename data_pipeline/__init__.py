"""From annotated chess positions to training data: encodings, targets, records, Beam pipeline."""
