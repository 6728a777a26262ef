"""Signal processing: from decoded samples to normalised four-channel tensors. Imports nothing else of otogura."""
