//! The page of an event.

use super::{
    Site, Text, command, example, members,
    page::{Page, push, summary},
};
use crate::dbus::{DICTIONARY, Signal, names::OPTIONAL};

pub(super) fn page(site: &Site<'_>, signal: &Signal) -> String {
    let documentation = signal.documentation();
    let told = site.prose.of(&signal.event);
    let mut out = format!("<p class=\"badges\">event{}</p>\n", command::labels(&documentation));
    out.push_str(&summary(documentation.summary));
    push(&mut out, format_args!("<pre class=\"signature\"><code>{}</code></pre>\n", shown(signal)));
    out.push_str("<h2 id=\"arguments\">Arguments</h2>\n");
    out.push_str(&members::list(site, &signal.data, told, Some(&signal.positional)));
    push(
        &mut out,
        format_args!(
            "<p><code>{OPTIONAL}</code> also has <code>@timestamp</code> (<code>t</code>, \
             microseconds since 1970, of the peer's clock) and <code>@sequence</code> \
             (<code>t</code>, counts the events of this object).</p>\n"
        ),
    );
    out.push_str(&example::of_event(site, signal));
    out.push_str(&command::more(site, &signal.reference, told));
    let above = (site.title(), "../index.html");
    Page { title: &signal.event, about: documentation.summary, up: "../../", above: &[above] }
        .with(&out)
}

fn shown(signal: &Signal) -> String {
    let positional = signal.positional.iter();
    let positional = positional.map(|it| format!("{} {}, ", it.shape.signature(), it.name));
    let arguments = positional.collect::<String>() + &format!("{DICTIONARY} {OPTIONAL}");
    format!("{}({})", Text(&signal.name), Text(&arguments))
}
