"""Whether files could be kept in a folder, seen without making it: what is certain to fail is told before it
is tried. Nothing seen is no promise.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def obstacle(folder: Path, *, rights: bool = True) -> str:
    """What stands against it, in words; empty where nothing is seen. Not `rights`: whoever will make it is
    somebody else.
    """
    wanted = folder.absolute()
    for step in (wanted, *wanted.parents):
        try:
            found = step.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue  # it would be made, or what is above it says why not
        except OSError as error:
            return f"{step}: {error.strerror}" if rights else ""
        if not stat.S_ISDIR(found.st_mode):
            return f"{step} is no folder"
        if rights and not os.access(step, os.W_OK | os.X_OK):
            return f"{step} cannot be written"
        break
    return ""
