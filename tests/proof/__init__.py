"""The long runs behind what is claimed: minutes each, so apart from the tests. `make proof` runs them all,
`make proof ONLY=connections` those whose name matches. Each prints what it measured.
"""
