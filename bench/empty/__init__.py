"""Servers that do nothing with a call, which the services are held against: a call costs no less in Python."""
