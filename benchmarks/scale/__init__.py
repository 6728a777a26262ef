"""Corpora of up to a million clips without sound: time and memory of whatever handles all clips at once."""
