"""Says of each schema whether QEMU's own parser accepts it.

The argument is the folder that holds the package `qapi`. Standard input names one schema a line;
one line of standard output answers: `accept`, or `reject` and why. A parser that gives up
otherwise than by its own error rejects too.
"""

import sys

sys.path.insert(0, sys.argv[1])

from qapi.error import QAPIError  # noqa: E402
from qapi.schema import QAPISchema  # noqa: E402


def judge(path):
    try:
        QAPISchema(path)
    except QAPIError as error:
        return f"reject {str(error)!r}"
    except Exception as error:
        return f"reject {error!r}"
    return "accept"


for line in sys.stdin:
    print(judge(line.rstrip("\n")))
