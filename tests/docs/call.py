"""Runs the examples in Python, each as it stands; says what each printed, as JSON."""

import ast
import contextlib
import io
import json
import sys



def value(said: str) -> object:
    """What was printed, which is a text where it is nothing else."""
    try:
        return ast.literal_eval(said) if said else {}
    except (SyntaxError, ValueError):
        return said.removesuffix("\n")


examples, kind = json.load(open(sys.argv[1])), sys.argv[2]
for example in examples[kind]:
    code = example["python" if kind == "command" else "python-event"]
    printed, error = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, example["name"], "exec"), {})
    except Exception as raised:
        error = repr(raised)
    print(json.dumps([example["name"], value(printed.getvalue()), error]), flush=True)
