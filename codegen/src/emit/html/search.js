// Searches names and summaries. Every word must occur; names count more than summaries.
"use strict";
(() => {
  const root = document.currentScript.dataset.root;
  const box = document.getElementById("search");
  const input = box.querySelector("input");
  const list = box.appendChild(document.createElement("ol"));
  const plain = (text) => text.toLowerCase().replaceAll("_", "-");
  const entries = SEARCH_INDEX.map((entry) => ({
    entry, name: plain(entry[0]), bus: entry[1].toLowerCase(), text: plain(entry[4]),
  }));

  const weight = ({ name, bus, text }, word) => {
    if (name === word || bus === word) return 100;
    if (name.startsWith(word) || bus.startsWith(word)) return 50;
    if (name.split("-").some((part) => part.startsWith(word))) return 30;
    if (name.includes(word) || bus.includes(word)) return 20;
    return text.includes(word) ? 5 : 0;
  };

  const find = (query) => {
    const words = plain(query).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    return entries
      .map((each) => ({ each, weights: words.map((word) => weight(each, word)) }))
      .filter(({ weights }) => weights.every(Boolean))
      .map(({ each, weights }) => ({
        entry: each.entry,
        rank: weights.reduce((sum, one) => sum + one) - (each.entry[2] === "type" ? 25 : 0),
      }))
      .sort((a, b) => b.rank - a.rank || a.entry[0].length - b.entry[0].length)
      .slice(0, 20);
  };

  const show = ({ entry: [name, , kind, address, summary] }) => {
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = root + address;
    link.append(name, " ");
    link.appendChild(document.createElement("small")).append(summary ? `${kind}: ${summary}` : kind);
    return item;
  };

  const update = () => list.replaceChildren(...find(input.value).map(show));
  const links = () => [...list.querySelectorAll("a")];

  input.addEventListener("input", update);
  box.addEventListener("keydown", (event) => {
    const all = [input, ...links()];
    const at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      all[(at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length].focus();
    } else if (event.key === "Enter" && at === 0 && all.length > 1) {
      all[1].click();
    } else if (event.key === "Escape") {
      input.value = "";
      update();
      input.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });
  box.hidden = false;
  // For links into the search: index.html#q=blockdev
  const given = new URLSearchParams(location.hash.slice(1)).get("q");
  if (given) {
    input.value = given;
    update();
  }
})();
