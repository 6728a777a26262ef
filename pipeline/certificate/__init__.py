"""Certificate of a run: proof that it resumes exactly, and that ranks share its clips without loss."""
