"""Source `csv`: ready-made spectrograms on the lines of CSV tables."""
