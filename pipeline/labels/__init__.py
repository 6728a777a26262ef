"""Class labels mined from the tags of tracks: tags as words, classes by words or by polarity, and a page of both."""
