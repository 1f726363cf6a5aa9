"""Answers as text for people: pure functions of values and colour. Only `terminal.py` knows the terminal."""
