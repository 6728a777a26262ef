"""Synthesis that demos share; no demo itself."""
