"""Source `tags`: tracks labelled by their tags, read as audio files once the labels are mined."""
