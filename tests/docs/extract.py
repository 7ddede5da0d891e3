"""Takes the examples from the pages: as JSON, and those in Rust as a program that is compiled."""

import json
import pathlib
import sys

import pages

site, out, repository = map(pathlib.Path, sys.argv[1:])
found = pages.all_of(site)
kinds = {"command": [], "event": []}
for path, page in found.items():
    if path.parent.name in kinds:
        schema = path.parent.parent.name
        kinds[path.parent.name].append({"name": path.stem, "schema": schema, **page.examples})
frame = found[site / "index.html"].examples["rust-frame"]

CALL = """
async fn call_{at}(agent: &Agent<Bus>, monitor: &Monitor<Bus>) -> Outcome {{
    let result = {rust};
    Ok(types::to_value(&result))
}}
"""
EVENT = """
async fn event_{at}(agent: &Agent<Bus>, monitor: &Monitor<Bus>) -> Outcome {{
    let told = {rust}.ok_or("the events ended")?;
    Ok(types::to_value(&told))
}}
"""
HEAD = """//! The examples of the reference, as they stand on its pages.
#![allow(deprecated, unused)]
{uses}

type Outcome = Result<serde_json::Value, Box<dyn std::error::Error>>;

fn told(name: &str, outcome: Outcome) {{
    let outcome = outcome.map_err(|error| error.to_string());
    println!("{{}}", serde_json::json!([name, outcome.as_ref().ok(), outcome.as_ref().err()]));
}}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {{
    {frame}
    if std::env::args().nth(1).as_deref() == Some("command") {{
        {calls}
    }} else {{
        {events}
    }}
    Ok(())
}}
"""


def run(function: str, name: str) -> str:
    return f"told({json.dumps(name)}, Box::pin({function}(&agent, &monitor)).await);"


uses, frame = frame.split("\n\n", 1)
calls, events = enumerate(kinds["command"]), enumerate(kinds["event"])
source = HEAD.format(
    uses=uses,
    frame=frame,
    calls="\n        ".join(run(f"call_{at}", each["name"]) for at, each in calls),
    events="\n        ".join(run(f"event_{at}", each["name"]) for at, each in events),
)
source += "".join(CALL.format(at=at, rust=each["rust"]) for at, each in enumerate(kinds["command"]))
source += "".join(EVENT.format(at=at, rust=each["rust-event"]) for at, each in enumerate(kinds["event"]))

MANIFEST = f"""[package]
name = "reference-examples"
version = "0.0.0"
edition = "2024"

[dependencies]
qapi-dbus-client = {{ path = "{repository}/bridge/client" }}
serde_json = "1"
tokio = {{ version = "1", features = ["macros", "rt"] }}
zbus = {{ version = "6", default-features = false, features = ["tokio"] }}

[workspace]
"""

(out / "rust/src").mkdir(parents=True, exist_ok=True)
(out / "rust/src/main.rs").write_text(source)
(out / "rust/Cargo.toml").write_text(MANIFEST)
(out / "examples.json").write_text(json.dumps(kinds))
print(f"{len(kinds['command'])} commands, {len(kinds['event'])} events")
