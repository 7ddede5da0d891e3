"""Checks that the site is sound: pages, links, what it loads, its names, its search."""

import json
import pathlib
import re
import sys
import urllib.parse

import pages

folder = pathlib.Path(sys.argv[1]).resolve()
found = pages.all_of(folder)
faults: list[str] = []


def check_link(page: pages.Page, link: str) -> None:
    address = urllib.parse.urlparse(link)
    if address.scheme:
        if not re.fullmatch(r"https://www\.qemu\.org/docs/master/interop/[\w./#-]+", link):
            faults.append(f"{page.path}: leads elsewhere: {link}")
        return
    target = (page.path.parent / address.path).resolve() if address.path else page.path
    if target not in found:
        faults.append(f"{page.path}: leads nowhere: {link}")
    elif address.fragment and address.fragment not in found[target].ids:
        faults.append(f"{page.path}: leads to no place of that page: {link}")


for path, page in found.items():
    faults += [f"{path}: {fault}" for fault in page.faults]
    for link in page.links:
        check_link(page, link)
    for loaded in page.loaded:
        if not (path.parent / loaded).resolve().is_relative_to(folder) or not (path.parent / loaded).is_file():
            faults.append(f"{path}: loads what is not here: {loaded}")

# Some file systems do not tell names apart by their case.
names = [str(path.relative_to(folder)).lower() for path in folder.rglob("*") if path.is_file()]
faults += [f"twice but for its case: {name}" for name in {n for n in names if names.count(n) > 1}]

script = (folder / "search-index.js").read_text()
index = json.loads(script.removeprefix("const SEARCH_INDEX = ").rstrip().removesuffix(";"))
indexed = {folder / entry[3] for entry in index}
definitions = {path for path in found if len(path.relative_to(folder).parts) == 3}
if indexed != definitions:
    faults.append(f"indexed, or there, but not both: {sorted(map(str, indexed ^ definitions))[:5]}")

lead = {(path.parent / link).resolve() for path, page in found.items() for link in page.links if ":" not in link and "#" not in link}
faults += [f"nothing leads to {path}" for path in found if path not in lead]

for fault in faults:
    print(fault, file=sys.stderr)
size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
print(f"{len(found)} pages, {sum(len(page.links) for page in found.values())} links, {size // 1024} KiB")
sys.exit(bool(faults))
