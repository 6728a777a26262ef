"""The `otogura` command."""
