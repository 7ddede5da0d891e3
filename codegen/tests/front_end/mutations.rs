//! Whatever the bytes, loading ends with a schema or an error, never with a panic.

use crate::{random::Random, temporary::Temporary};
use qapi_codegen::{Options, load};
use std::{fs, path::Path};

/// Cuts and changes of each schema.
const VARIANTS: usize = 40;

#[test]
fn truncated_schemas_do_not_panic() {
    let folder = Temporary::new("truncated");
    for text in schemas() {
        for cut in (0..text.len()).step_by(text.len() / VARIANTS + 1) {
            attempt(&folder, &text[..cut]);
        }
    }
}

#[test]
fn changed_bytes_do_not_panic() {
    const TELLING: &[u8] = b"{}[]:,'#\\*\n @\0\x80\xc3_-0aZ";
    let folder = Temporary::new("changed");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for text in schemas().filter(|text| !text.is_empty()) {
        for _ in 0..VARIANTS {
            let mut changed = text.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(changed.len());
                changed[at] = TELLING[random.below(TELLING.len())];
            }
            attempt(&folder, &changed);
        }
    }
}

#[test]
fn swapped_tokens_do_not_panic() {
    let folder = Temporary::new("swapped");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for text in schemas() {
        let mut tokens: Vec<_> = text.split_inclusive(|byte| *byte == b' ').collect();
        for _ in 0..VARIANTS.min(tokens.len()) {
            let (one, other) = (random.below(tokens.len()), random.below(tokens.len()));
            tokens.swap(one, other);
            attempt(&folder, &tokens.concat());
        }
    }
}

fn attempt(folder: &Temporary, text: &[u8]) {
    let path = folder.write("schema.json", text);
    if let Err(error) = load(&path, &Options::default()) {
        assert!(!error.to_string().is_empty());
    }
    // Some file systems wait for the disk when a file is written over.
    fs::remove_file(path).unwrap();
}

fn schemas() -> impl Iterator<Item = Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap())
}
