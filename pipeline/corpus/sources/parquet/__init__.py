"""Source `parquet`: sound inside Parquet files, as the Hugging Face hub holds audio data sets."""
