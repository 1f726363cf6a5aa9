"""`python -m protobalance`: the command line."""

import sys

from protobalance.cli import main

sys.exit(main())
