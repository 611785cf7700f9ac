"""How well values agree with a teacher's: agreement, regret, rank correlation, calibration."""
