//! A source tree of QEMU: its release, its schemas, its parser.

use qapi_codegen::{Dialect, Options, load};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::temporary::Temporary;

pub(crate) struct Tree {
    root: PathBuf,
    pub(crate) version: String,
    dialect: Dialect,
}

/// What both parsers say of one schema: nothing if they accept it, else why not.
pub(crate) struct Verdict {
    pub(crate) path: PathBuf,
    /// By the dialect of the reference's release.
    pub(crate) ours: Option<String>,
    /// By the dialect that is to accept what any release accepts.
    pub(crate) lenient: Option<String>,
    pub(crate) theirs: Option<String>,
}

impl Verdict {
    /// Whether both judge alike, and our lenient dialect accepts what the reference does.
    pub(crate) fn agrees(&self) -> bool {
        let same = self.ours.is_none() == self.theirs.is_none();
        same && (self.theirs.is_some() || self.lenient.is_none())
    }
}

impl Tree {
    pub(crate) fn at(root: &Path) -> Self {
        let version = fs::read_to_string(root.join("VERSION")).expect("a tree of QEMU");
        let version = version.trim().to_owned();
        let release = version.rsplit_once('.').map_or(&*version, |(release, _)| release);
        let dialect = match release {
            "7.2" => Dialect::V7_2,
            "10.0" => Dialect::V10_0,
            "10.2" => Dialect::V10_2,
            other => panic!("there is no dialect for QEMU {other}"),
        };
        Self { root: root.to_owned(), version, dialect }
    }

    /// The schemas of its conformance tests, and one that does not exist.
    pub(crate) fn corpus(&self) -> Vec<PathBuf> {
        let folder = self.root.join("tests/qapi-schema");
        let mut paths = json(&folder);
        paths.push(folder.join("missing-schema.json"));
        paths
    }

    /// The schemas of its programs.
    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        ["qapi", "qga", "storage-daemon/qapi"]
            .map(|folder| self.root.join(folder).join("qapi-schema.json"))
            .to_vec()
    }

    /// The texts of the modules in a folder.
    pub(crate) fn modules(&self, folder: &str) -> Vec<String> {
        let paths = json(&self.root.join(folder));
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Has both parsers judge the schemas.
    pub(crate) fn judge(&self, paths: Vec<PathBuf>) -> Vec<Verdict> {
        let theirs = self.ask_reference(&paths);
        let refusal = |path: &Path, dialect| {
            let options = Options { dialect, ..Options::default() };
            load(path, &options).err().map(|error| error.to_string())
        };
        let judge = |(path, theirs): (PathBuf, _)| Verdict {
            ours: refusal(&path, self.dialect),
            lenient: refusal(&path, Dialect::Lenient),
            theirs,
            path,
        };
        paths.into_iter().zip(theirs).map(judge).collect()
    }

    fn ask_reference(&self, paths: &[PathBuf]) -> Vec<Option<String>> {
        let folder = Temporary::new(&format!("asked-{}", self.version));
        let lines: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
        let asked = folder.write("paths", lines);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/judge.py");
        // Compiled files would stay in the tree.
        let mut python = Command::new("python3");
        python
            .arg("-B")
            .arg(script)
            .arg(self.root.join("scripts"))
            .stdin(File::open(asked).unwrap());
        let output = python.output().expect("python3 runs");
        let answers = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(answers.lines().count(), paths.len(), "{errors}");
        let reason = |line: &str| match line {
            "accept" => None,
            other => Some(other.strip_prefix("reject ").expect("an answer").to_owned()),
        };
        answers.lines().map(reason).collect()
    }
}

fn json(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}
