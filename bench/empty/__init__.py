"""Servers that do nothing with a call: the least that a call can cost in Python, which the services are held against."""
