"""Source `json`: waveforms as arrays of numbers in JSON files."""
