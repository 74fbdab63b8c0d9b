//! Runs the corpora with any compiler and without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::TARGETS;

/// The largest number of files in a corpus. It keeps the run short.
const MOST_FILES: usize = 200;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = fuzz().join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_corpus_file_keeps_the_promises() {
    for (name, target) in TARGETS {
        let files = files(&format!("corpus/{name}"));
        assert!(!files.is_empty() && files.len() <= MOST_FILES, "{name}: {} files", files.len());
        for file in files {
            // The panic says what is wrong, and this line says in which file.
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
        }
    }
}

#[test]
fn every_program_and_corpus_has_a_target() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in ["fuzz_targets", "corpus"] {
        let names: BTreeSet<_> =
            files(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(names, targets, "{folder}");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let programs = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    assert_eq!(
        programs.map(|path| path.trim_end_matches(".rs\"").to_owned()).collect::<BTreeSet<_>>(),
        targets
    );
}
