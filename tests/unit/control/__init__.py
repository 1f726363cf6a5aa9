"""The control plane against an engine that answers from memory."""
