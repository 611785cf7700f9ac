"""How well a network's values match a teacher's: agreement, regret, rank correlation,
calibration."""
