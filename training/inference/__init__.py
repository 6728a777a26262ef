"""Trained models at work: sound into windows, windows into answers. `otogura.load_model` is the way in."""
