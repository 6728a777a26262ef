"""Contracts of the parts that a user can write, as checks that `otogura check` runs on one."""
