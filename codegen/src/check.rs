//! Whether the tree is what the generator would make it.

use std::path::Path;

use similar::TextDiff;

use crate::{
    generate::{Output, Result},
    project::Project,
};

/// Compares the tree with what was generated for it: a unified diff of all that differs, empty if
/// nothing does.
///
/// # Errors
/// `Io` if a file cannot be read.
pub fn diff(project: &Project, output: &Output) -> Result<String> {
    let mut all = String::new();
    for (path, generated) in &output.files {
        let found = project.read(path)?;
        all += &unified(path, found.as_deref(), Some(generated));
    }
    for path in &output.orphans {
        let found = project.read(path)?;
        all += &unified(path, found.as_deref(), None);
    }
    Ok(all)
}

fn unified(path: &Path, found: Option<&str>, generated: Option<&str>) -> String {
    let path = path.display().to_string();
    let name = |text: Option<&str>| text.map_or("/dev/null", |_| path.as_str());
    TextDiff::from_lines(found.unwrap_or_default(), generated.unwrap_or_default())
        .unified_diff()
        .header(name(found), name(generated))
        .to_string()
}
