"""Class labels mined from the tags of tracks: what the tags say, which class that means, and a page about it."""
