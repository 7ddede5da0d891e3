"""The pages of the reference, read as a browser would."""

import html.parser
import pathlib

# Elements that have no end.
VOID = {"br", "input", "link", "meta"}


class Page(html.parser.HTMLParser):
    """What a page holds: links, places that links lead to, examples; and what is wrong with it."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(convert_charrefs=True)
        self.path = path
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.examples: dict[str, str] = {}
        self.faults: list[str] = []
        self._open: list[str] = []
        self._example: str | None = None
        self.feed(path.read_text())
        self.close()
        if self._open:
            self.faults.append(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.faults.append(f"an attribute twice in <{tag}>")
        if "id" in given:
            if given["id"] in self.ids:
                self.faults.append(f"id twice: {given['id']}")
            self.ids.add(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "link":
            self.loaded.append(given["href"])
        elif "src" in given:
            self.loaded.append(given["src"])
        if tag not in VOID:
            self._open.append(tag)
        self._example = given.get("data-example")
        if self._example:
            self.examples[self._example] = ""

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing, at {self.getpos()}")
        self._example = None

    def handle_data(self, data: str) -> None:
        if self._example:
            self.examples[self._example] += data


def all_of(folder: pathlib.Path) -> dict[pathlib.Path, Page]:
    """Each page of a folder."""
    return {path: Page(path) for path in sorted(folder.rglob("*.html"))}
