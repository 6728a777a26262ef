"""Source `kaldi`: a folder with `wav.scp` and, beside it, labels, speakers and segments."""
