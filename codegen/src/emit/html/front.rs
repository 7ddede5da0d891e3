//! The pages that lead to the others.

use std::collections::BTreeMap;

use super::{
    Site, Text, example,
    page::{Page, badge, push, standing},
};
use crate::{
    dbus::{Class, Documentation},
    emit::policy,
};

/// The first page.
pub(super) fn root(sites: &[Site<'_>]) -> String {
    let mut out = String::from(
        "<p class=\"summary\">QEMU's monitor and guest agent on D-Bus: every command of their \
         schemas a method, every event a signal.</p>\n<ul class=\"cards\">\n",
    );
    for site in sites {
        let interface = site.interface;
        push(
            &mut out,
            format_args!(
                "<li><a href=\"{}/index.html\"><strong>{}</strong><br><code>{}</code><br>\
                 {} commands, {} events, of QEMU {}</a></li>\n",
                site.name(),
                site.title(),
                Text(&interface.name),
                interface.methods.len(),
                interface.signals.len(),
                Text(site.release.versions)
            ),
        );
    }
    out.push_str("</ul>\n");
    out.push_str(READING);
    out.push_str(&classes());
    out.push_str("<h2 id=\"examples\">How to run the examples</h2>\n");
    out.push_str(EXAMPLES);
    let frames: String = sites.iter().map(|it| example::rust_frame(it.release.protocol)).collect();
    let rust = format!("{RUST}{frames}");
    example::block(&mut out, "rust-frame", "Rust", &rust);
    let about = "QEMU's monitor and guest agent on D-Bus: each command and event.";
    Page { title: "Reference", about, up: "", above: &[] }.with(&out)
}

const READING: &str = "<h2 id=\"reading\">How to read it</h2>
<ul>
<li>Mandatory arguments are positional, in the order of the signature; the others are keys of the \
dictionary <code>optional</code>, which may be left out.</li>
<li>A struct or union is a dictionary, <code>a{sv}</code>, with QAPI's names as its keys; an \
enumeration is a string. A newer peer may know more of both: unknown keys and values are passed on.</li>
<li>An integer of another width, and a bare value in the place of a variant, are taken as well.</li>
<li><code>@timeout</code> (milliseconds) and <code>@oob</code> in <code>optional</code> are the \
service's own.</li>
<li>What is <em>unstable</em> may change with any release of QEMU; what is <em>deprecated</em> will \
go.</li>
<li>What a failed call says is told in <a href=\"errors.html\">errors</a>.</li>
</ul>
";

const EXAMPLES: &str =
    "<p>Every example of a call was taken from its page and run, on a bus with a \
peer that checked what arrived. The values stand for yours; a real machine may refuse them. The \
names are those of a bridge that serves one socket: for a machine of a bridge of many, call \
<code>org.qemu.Bridge</code> at <code>/org/qemu/vm/NAME</code>, in Python \
<code>bus.qmp(\"NAME\")</code>, in Rust <code>Bus::machine(&amp;connection, \"NAME\", …)</code>.</p>
";

const RUST: &str = "use qapi_dbus_client::{Agent, Bus, Monitor, Protocol, qga, qmp, types};

let connection = zbus::Connection::session().await?;
";

/// What a caller must be allowed to do.
fn classes() -> String {
    let mut out = String::from(
        "<h2 id=\"classes\">Classes</h2>\n<p>Where callers are asked who they are, each command \
         needs that they may do what its class says.</p>\n<dl>\n",
    );
    for class in Class::ALL {
        let deed = policy::deed(class, "the machine");
        let class = badge("class", class.name());
        push(&mut out, format_args!("<dt>{class}</dt>\n<dd>{}</dd>\n", Text(&deed)));
    }
    out + "</dl>\n"
}

/// The page of an interface: everything by module.
pub(super) fn interface(site: &Site<'_>) -> String {
    let interface = site.interface;
    let mut commands: BTreeMap<&str, String> = BTreeMap::new();
    for method in &interface.methods {
        let class = badge("class", method.class.class.name());
        let into = commands.entry(&method.module).or_default();
        entry(into, "command", &method.command, &class, &method.documentation());
    }
    let mut events = String::new();
    for signal in &interface.signals {
        entry(&mut events, "event", &signal.event, "", &signal.documentation());
    }
    let mut out = format!("<p><code>{}</code></p>\n", Text(&interface.name));
    for (module, entries) in commands {
        let title = if module.is_empty() { "no schema any more" } else { module };
        push(&mut out, format_args!("<h2>Commands: {}</h2>\n<dl>\n{entries}</dl>\n", Text(title)));
    }
    if !events.is_empty() {
        push(&mut out, format_args!("<h2 id=\"events\">Events</h2>\n<dl>\n{events}</dl>\n"));
    }
    push(
        &mut out,
        format_args!("<h2 id=\"types\">Types</h2>\n<p class=\"types\">{}</p>\n", types(site)),
    );
    let about = format!("Commands, events and types of {}.", interface.name);
    Page { title: site.title(), about: &about, up: "../", above: &[] }.with(&out)
}

fn entry(out: &mut String, kind: &str, name: &str, class: &str, documentation: &Documentation<'_>) {
    let Documentation { summary, deprecated, unstable, .. } = documentation;
    let standing = standing(*deprecated, *unstable);
    let summary = if summary.starts_with("https://") { "" } else { summary };
    push(
        out,
        format_args!(
            "<dt><a href=\"{kind}/{0}.html\"><code>{0}</code></a>{class}{standing}</dt>\n\
             <dd>{1}</dd>\n",
            Text(name),
            Text(summary)
        ),
    );
}

fn types(site: &Site<'_>) -> String {
    let names = site.interface.type_names();
    let links = names.map(|name| format!("<a href=\"type/{0}.html\">{0}</a>", Text(name)));
    links.collect::<Vec<_>>().join(" ")
}
