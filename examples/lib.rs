#![doc = include_str!("../README.md")]

/// Where the repository is.
#[cfg(test)]
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod readme {
    use kinde_users::OPERATIONS;

    const README: &str = include_str!("../README.md");

    #[test]
    fn the_table_lists_the_operations_as_they_are() {
        let rows: Vec<String> = OPERATIONS
            .iter()
            .map(|meta| {
                let (method, path, scope) = (&meta.method, meta.path.as_str(), meta.scopes.join("`, `"));
                format!("| `{}` | {method} `{path}` | `{scope}` | `{:?}` |", meta.name, meta.replay)
            })
            .collect();
        let found: Vec<&str> = README.lines().filter(|line| line.contains(" `/api/v1/")).collect();
        assert_eq!(found, rows);
    }

    #[test]
    fn it_is_short_enough_to_be_read() {
        assert!(README.lines().count() <= 150);
    }

    #[test]
    fn all_that_it_links_to_is_there() {
        let links: Vec<_> = README.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        let files = links.iter().filter(|link| !link.contains("://"));
        assert!(files.clone().count() > 10);
        for file in files {
            assert!(super::root().join(file).exists(), "{file}");
        }
    }
}

#[cfg(test)]
mod docs {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::root;

    const HOW_WE_KNOW: &str = include_str!("../crates/kinde-users/docs/how-we-know.md");
    const SECURITY: &str = include_str!("../crates/kinde-users/docs/security.md");
    const PERFORMANCE: &str = include_str!("../crates/kinde-users/docs/performance.md");
    const FROM_THE_SDKS: &str = include_str!("../crates/kinde-users/docs/from-the-sdks.md");
    const CONTRIBUTING: &str = include_str!("../.github/CONTRIBUTING.md");

    /// What stands between backticks.
    fn code(page: &str) -> impl Iterator<Item = &str> {
        page.split('`').skip(1).step_by(2)
    }

    /// All Rust below a folder.
    fn sources(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                sources(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    /// The names of all tests in some Rust: what an attribute that ends in `test` stands before.
    fn tests(source: &str) -> BTreeSet<&str> {
        let attributes = ["#[test]", "#[tokio::test"];
        let after = attributes.iter().flat_map(|attribute| source.split(attribute).skip(1));
        after.filter_map(|rest| rest.split_once("fn ")?.1.split(['(', '<']).next()).collect()
    }

    #[test]
    fn every_test_that_is_named_is_there() {
        let mut all = String::new();
        for folder in ["crates", "examples"] {
            sources(&root().join(folder), &mut all);
        }
        let tests = tests(&all);
        let is_test = |name: &&str| {
            let is_of_name = |c: char| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit();
            name.matches('_').count() > 2 && name.chars().all(is_of_name)
        };
        let named: Vec<_> =
            [SECURITY, PERFORMANCE, HOW_WE_KNOW].into_iter().flat_map(code).filter(is_test).collect();
        assert!(named.len() > 50, "{named:?}");
        for name in named {
            assert!(tests.contains(name), "{name}");
        }
    }

    /// The rest of it, that there is no unsafe code, is the compiler's to see.
    #[test]
    fn crates_have_no_unsafe_code_and_build_script() {
        let manifest = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest(&root()).contains("\nunsafe_code = \"forbid\"\n"));
        let mut count = 0;
        for entry in fs::read_dir(root().join("crates")).unwrap() {
            let folder = entry.unwrap().path();
            let text = manifest(&folder);
            assert!(text.contains("\n[lints]\nworkspace = true\n"), "{}", folder.display());
            assert!(!text.contains("proc-macro") && !text.contains("\nbuild = "), "{}", folder.display());
            assert!(!folder.join("build.rs").exists(), "{}", folder.display());
            count += 1;
        }
        assert!(count > 5, "{count}");
    }

    /// Counts all lines of product code, also comments and blank lines.
    #[test]
    fn in_memory_tenant_stays_small() {
        let src = root().join("crates/kinde-users-fake/src");
        let mut source = String::new();
        sources(&src, &mut source);
        let mut lines = source.lines();
        let mut count = 0;
        while let Some(line) = lines.next() {
            if line == "#[cfg(test)]" {
                let module = lines.next().unwrap();
                assert!(module.starts_with("mod "), "{module}");
                if module.ends_with('{') {
                    lines.find(|line| *line == "}").unwrap();
                }
            } else {
                count += 1;
            }
        }
        // Only tests see this file.
        count -= fs::read_to_string(src.join("facts.rs")).unwrap().lines().count();
        // The lower bound shows that the sources were found.
        assert!((5_000..=7_500).contains(&count), "{count}");
    }

    #[test]
    fn every_command_that_is_named_is_there() {
        let mut count = 0;
        let pages = [HOW_WE_KNOW, SECURITY, PERFORMANCE, FROM_THE_SDKS, CONTRIBUTING];
        for command in pages.into_iter().flat_map(code) {
            let words: Vec<_> = command.split(' ').collect();
            let file = match words.as_slice() {
                [script, ..] if script.starts_with(".ci/") => root().join(script),
                ["cargo", "test", "-p", package, rest @ ..] => {
                    let folder = root().join("crates").join(package);
                    let folder = if folder.is_dir() { folder } else { root().join("fuzz/bodies") };
                    for pair in rest.windows(2).filter(|pair| pair[0] == "--test") {
                        let test = folder.join("tests").join(pair[1]);
                        assert!(
                            test.with_extension("rs").exists() || test.join("main.rs").exists(),
                            "{command}"
                        );
                    }
                    folder
                }
                _ => continue,
            };
            assert!(file.exists(), "{command}");
            count += 1;
        }
        assert!(count > 20, "{count}");
    }

    /// As `get_users` is written in other languages.
    fn camel(name: &str) -> String {
        let mut words = name.split('_');
        let first = words.next().unwrap().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    }

    #[test]
    fn every_operation_stands_beside_those_of_the_sdks() {
        let sdks = root().join("crates/kinde-users-fake/sdks");
        let calls = |file: &str| fs::read_to_string(sdks.join(file)).unwrap();
        let (python, javascript) = (calls("python/operations.py"), calls("javascript/operations.mjs"));
        for meta in kinde_users::OPERATIONS {
            let (snake, camel) = (meta.name, camel(meta.name));
            let row = FROM_THE_SDKS.lines().find(|line| line.contains(&format!("users.{snake}("))).unwrap();
            assert!(python.contains(&format!("users.{snake}(")), "{snake}");
            let has_javascript = javascript.contains(&format!("users.{camel}("));
            assert_eq!(row.contains(&format!("Users.{camel}(")), has_javascript, "{camel}");
            let ours = camel[..1].to_uppercase() + &camel[1..] + "::";
            // In the table, and at work in the example.
            assert!(row.contains(&ours) && FROM_THE_SDKS.matches(&ours).count() > 1, "{ours}");
        }
    }
}
