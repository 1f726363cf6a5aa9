"""Where two languages meet, both sides are compared."""
