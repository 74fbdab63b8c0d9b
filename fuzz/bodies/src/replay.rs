//! The corpora, with any compiler and no fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::TARGETS;

/// So that replaying stays a matter of moments.
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
fn every_file_of_every_corpus_still_does_what_is_promised() {
    for (name, target) in TARGETS {
        let files = files(&format!("corpus/{name}"));
        assert!(!files.is_empty() && files.len() <= MOST_FILES, "{name}: {} files", files.len());
        for file in files {
            // What it panics with tells what is wrong, and this where.
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
        }
    }
}

#[test]
fn every_program_and_every_corpus_is_of_a_target() {
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
