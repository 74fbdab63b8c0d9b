//! The migration guide: the output that each page shows is the output of its command.

use std::fs;
use std::path::{Path, PathBuf};

use kinde_users::import::Source;

use super::common::{folder, program, run};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migrate")
}

/// Returns the fenced blocks of a page as pairs of info string and text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let parts: Vec<_> = page.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block is not closed");
    parts.iter().skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// Returns the arguments after `$ kinde-users import`, and the output that follows the command.
fn command(console: &str) -> (String, &str) {
    let (mut arguments, mut rest) = (String::new(), console);
    loop {
        let (line, after) = rest.split_once('\n').unwrap();
        rest = after;
        match line.strip_suffix('\\') {
            Some(line) => arguments += line,
            None => break arguments += line,
        }
    }
    (arguments.strip_prefix("$ kinde-users import ").unwrap().to_owned(), rest)
}

/// Splits arguments as a shell does. Single quotes hold a word with blanks together.
fn words(arguments: &str) -> Vec<&str> {
    let parts = arguments.split('\'').enumerate();
    let words =
        parts.map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
    words.flatten().collect()
}

#[test]
fn pages_show_the_output_of_their_commands() {
    for source in Source::ALL {
        let page = fs::read_to_string(guide().join(format!("{source}.md"))).unwrap();
        let folder = folder(&format!("migrate-{source}"));
        let mut shown = 0;
        for (info, text) in blocks(&page) {
            match info.split_once(' ') {
                // A sample, such as `csv users.csv`.
                Some((_, name)) => fs::write(folder.join(name), text).unwrap(),
                None if info == "console" => {
                    let (arguments, expected) = command(text);
                    let arguments = words(&arguments);
                    assert!(arguments.contains(&"--dry-run"), "{source}");
                    let (code, output, errors) = run(program("import", &arguments).current_dir(&folder));
                    assert_eq!((code, errors.as_str()), (0, ""), "{source}");
                    assert_eq!(output, expected, "{source}");
                    let import = arguments.iter().filter(|argument| **argument != "--dry-run");
                    let (code, output, errors) =
                        run(program("import", &[]).args(import).current_dir(&folder));
                    assert_eq!((code, errors.as_str()), (0, ""), "{source}: {output}");
                    shown += 1;
                }
                None => {}
            }
        }
        assert!(shown > 0, "{source}");
        assert!(page.lines().count() <= 60, "{source}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn index_lists_every_page() {
    let index = fs::read_to_string(guide().join("README.md")).unwrap();
    for entry in fs::read_dir(guide()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name}");
    }
}
