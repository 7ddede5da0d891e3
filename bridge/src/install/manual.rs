//! Man pages, made of the command line's own definition, and completions.

use clap::Command;
use clap_mangen::Man;

use crate::shell::SCRIPTS;

/// Place below the prefix, and text, of the page of the command and of each subcommand, and of a
/// completion for each shell.
pub(super) fn pages_and_completions(command: Command) -> Vec<(String, Vec<u8>)> {
    let scripts =
        SCRIPTS.iter().map(|(place, text)| ((*place).to_owned(), text.as_bytes().to_vec()));
    let mut files: Vec<_> = scripts.collect();
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let subcommands: Vec<_> =
        command.get_subcommands().filter(|it| !it.is_hide_set()).cloned().collect();
    files.push(page(command));
    files.extend(subcommands.into_iter().map(page));
    files
}

fn page(command: Command) -> (String, Vec<u8>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut text = Vec::new();
    // A vector takes everything.
    Man::new(command).render(&mut text).unwrap_or_default();
    (format!("share/man/man1/{name}.1"), text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn each_subcommand_has_a_page_that_names_its_options() {
        let files = pages_and_completions(Cli::command());
        let text = |place: &str| {
            let (_, text) = files.iter().find(|(it, _)| it == place).unwrap();
            String::from_utf8(text.clone()).unwrap()
        };
        assert!(text("share/man/man1/qapi-dbus.1").contains("qapi\\-dbus\\-serve(1)"));
        let serve = text("share/man/man1/qapi-dbus-serve.1");
        assert!(serve.contains("qapi\\-dbus\\-serve") && serve.contains("\\-\\-unicast"));
        assert!(text("share/man/man1/qapi-dbus-call.1").contains("blockdev"));
        for (place, _) in SCRIPTS {
            assert!(text(place).contains("complete"), "{place}");
        }
    }
}
