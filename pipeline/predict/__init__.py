"""Answers on the command line: files in, a table or JSON out."""
