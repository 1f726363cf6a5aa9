"""One file for each kind of question; its `WORKLOADS` are those that `--only` knows. A new file is all that a
new workload takes.
"""
