"""Source `audio`: files that libsndfile reads, labelled by their folders or by a table."""
