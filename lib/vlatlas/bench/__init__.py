"""Speed, as ratios: each figure against its baseline, measured in turns in one run."""
