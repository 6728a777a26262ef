"""Sound in containers and codecs that libsndfile does not read."""
