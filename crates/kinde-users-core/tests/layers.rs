//! The layers of the core. A file imports only from its own folder and from the folders before it,
//! by the path of the file that has the item, and no files import each other in a circle.
//!
//! It reads the sources as text. Comments, literals and what only tests see are left out.

#![cfg(not(miri))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// From the bottom to the top.
const LAYERS: [&str; 8] = ["types", "api", "models", "operations", "error", "protocol", "jobs", "client"];

/// The path of a module from the root on, as `["types", "text"]`.
type Module = Vec<String>;

/// The modules of a crate, with the tokens of their files.
type Modules = BTreeMap<Module, Vec<String>>;

/// The tokens of a source: words, `::` and signs.
fn tokens(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let word_at = |index: usize| -> String {
        chars[index..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect()
    };
    let after = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        let rest = chars.get(from..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        found.map_or(chars.len(), |found| from + found + end.len())
    };
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => i = after(i, "\n"),
            ('/', '*') => i = after(i + 2, "*/"),
            ('r', '"' | '#') if matches!(at(i + 2), '"' | '#') || at(i + 1) == '"' => {
                let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
                i = after(i + hashes + 2, &format!("\"{}", "#".repeat(hashes)));
            }
            ('"', _) => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character, and not a lifetime.
            ('\'', '\\') => i = after(i + 3, "'"),
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (':', ':') => {
                tokens.push("::".to_owned());
                i += 2;
            }
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let word = word_at(i);
                i += word.chars().count();
                tokens.push(word);
            }
            (c, _) => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    tokens
}

/// Splits off each item after `#[cfg(test)]`.
fn split_tests(tokens: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut tests) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        let mark = tokens[i..].iter().take(7);
        if !mark.eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        // To the end of the item: a semicolon, or the brace that closes it.
        let (start, mut depth) = (i + 7, 0);
        i = start;
        while i < tokens.len() {
            match tokens[i].as_str() {
                "{" | "[" | "(" => depth += 1,
                "}" if depth == 1 => break,
                "}" | "]" | ")" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
            i += 1;
        }
        i = (i + 1).min(tokens.len());
        tests.extend_from_slice(&tokens[start..i]);
    }
    (kept, tests)
}

/// All modules of these files that are not for tests alone.
fn modules_of<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> Modules {
    let mut modules = Modules::new();
    let mut of_tests = Vec::new();
    for (path, source) in files {
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Module = path.split('/').filter(|name| *name != "lib").map(String::from).collect();
        let (kept, tests) = split_tests(&tokens(&source));
        for declared in tests.windows(3).filter(|three| three[0] == "mod" && three[2] == ";") {
            of_tests.push([module.as_slice(), &declared[1..2]].concat());
        }
        modules.insert(module, kept);
    }
    modules.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
    modules
}

/// What `own` imports: paths from the root on. A path that climbs to the root is told as it stands.
fn imports(own: &[String], tokens: &[String], modules: &Modules) -> BTreeSet<Module> {
    let mut paths = BTreeSet::new();
    // The depths of braces at which inline modules are open.
    let (mut inline, mut depth) = (Vec::new(), 0);
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map_or("", |before| tokens[before].as_str());
        let after = tokens.get(i + 1).map_or("", String::as_str);
        let child = [own, std::slice::from_ref(token)].concat();
        let start = match token.as_str() {
            "{" => {
                depth += 1;
                if i >= 2 && tokens[i - 2] == "mod" {
                    inline.push(depth);
                }
                continue;
            }
            "}" => {
                inline.retain(|opened| *opened != depth);
                depth -= 1;
                continue;
            }
            // The crate's own name is no layer, and neither is another name for its root.
            "kinde_users_core" => Vec::new(),
            "crate" if before == "use" || (before == "extern" && after == "self") => Vec::new(),
            _ if after != "::" || before == "::" => continue,
            "crate" => Vec::new(),
            "self" | "super" => {
                let mut here = own.to_vec();
                here.extend(inline.iter().map(|depth| format!("inline {depth}")));
                here
            }
            _ if modules.contains_key(&child) => own.to_vec(),
            _ => continue,
        };
        let skipped = if token == "crate" { 1 + usize::from(after == "::") } else { 0 };
        expand(&tokens[i + skipped..], start, &mut paths);
    }
    paths
}

/// Writes out the tree of names that `tokens` begin with, and says how many tokens it has.
fn expand(tokens: &[String], mut path: Module, paths: &mut BTreeSet<Module>) -> usize {
    let mut i = 0;
    loop {
        match tokens.get(i).map_or("", String::as_str) {
            "super" if path.len() == 1 => path = vec!["super".into()],
            "super" => _ = path.pop(),
            "self" => {}
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|token| token != "}") {
                    i += match tokens[i].as_str() {
                        "," => 1,
                        "as" => 2,
                        _ => expand(&tokens[i..], path.clone(), paths).max(1),
                    };
                }
                return i + 1;
            }
            word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => path.push(word.into()),
            _ => {}
        }
        i += 1;
        if tokens.get(i).is_none_or(|token| token != "::") {
            paths.insert(path);
            return i;
        }
        i += 1;
    }
}

/// What is wrong with the layers and the imports.
fn faults(modules: &Modules) -> BTreeSet<String> {
    let rank = |name: &String| LAYERS.iter().position(|layer| layer == name);
    let mut faults = BTreeSet::new();
    let mut graph: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    // The root re-exports what is public, and no file imports from it.
    for (own, tokens) in modules.iter().filter(|(own, _)| !own.is_empty()) {
        let shown = own.join("/");
        let Some(own_rank) = rank(&own[0]) else {
            faults.insert(format!("{shown} is in no layer"));
            continue;
        };
        for path in imports(own, tokens, modules) {
            let named = path.join("::");
            let file = (1..=path.len()).rev().find_map(|end| modules.get_key_value(&path[..end]));
            match (path.first().and_then(rank), file) {
                (None, _) | (_, None) => faults.insert(format!("{shown} imports {named} through the root")),
                (Some(other), _) if other > own_rank => {
                    faults.insert(format!("{shown} imports {named} from a layer after its own"))
                }
                (_, Some((file, _))) if file == own => continue,
                (_, Some((file, _))) => {
                    graph.entry(own).or_default().insert(file);
                    let is_folder = modules.keys().any(|module| module.starts_with(file) && module != file);
                    is_folder && faults.insert(format!("{shown} imports {named} through a folder"))
                }
            };
        }
    }
    // Files that import only from files without imports are in no circle.
    loop {
        let open: BTreeSet<&Module> = graph.keys().copied().collect();
        graph.retain(|_, files| {
            files.retain(|file| open.contains(file));
            !files.is_empty()
        });
        if graph.len() == open.len() {
            break;
        }
    }
    if !graph.is_empty() {
        let names: Vec<String> = graph.keys().map(|file| file.join("/")).collect();
        faults.insert(format!("in or above a circle: {}", names.join(", ")));
    }
    faults
}

/// The sources below `folder`, by their paths from `src` on.
fn sources(src: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(src, &path, files);
        } else {
            let name = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn layers_import_only_from_layers_before_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    sources(&src, &src, &mut files);
    let modules = modules_of(files.iter().map(|(path, source)| (path.as_str(), source.clone())));
    assert!(modules.len() > 70, "found only {} files", modules.len());
    let faults = faults(&modules);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The faults of a small crate whose file `error/api.rs` is `source`.
fn with(source: &str) -> BTreeSet<String> {
    let files = [
        ("lib.rs", "mod types; mod protocol; mod error; pub use protocol::tenant::Tenant;"),
        ("types/mod.rs", "mod text; mod ids;"),
        ("types/text.rs", "pub struct Text; mod inner { use super::Text; }"),
        ("types/ids.rs", "use crate::types::text::Text; use super::text::Text as Other;"),
        ("protocol/mod.rs", "mod tenant;"),
        ("protocol/tenant.rs", "use crate::types::{ids::Id, text::{self, Text}};"),
        ("error/mod.rs", "pub(crate) mod api; #[cfg(test)] mod tests;"),
        ("error/tests.rs", "use crate::Tenant;"),
        ("error/api.rs", source),
    ];
    faults(&modules_of(files.map(|(path, source)| (path, source.to_owned()))))
}

#[test]
fn allowed_imports_are_no_faults() {
    for allowed in [
        "use crate::types::text::Text;",
        "fn f() -> crate::types::text::Text { crate::types::text::Text }",
        "pub(crate) fn f() {} extern crate std;",
        "// use crate::Text;\n/* crate::Tenant */ const A: &str = \"crate::Text\"; const B: &str = r#\"\"crate::Text\"#;",
        "#[cfg(test)] mod tests { use crate::protocol::tenant::Tenant; } fn f<'a>(_: &'a str) { 'x'; '\\''; }",
        "#[cfg(test)] #[allow(unused)] use crate::Tenant; use crate::types::ids::Id;",
    ] {
        assert_eq!(with(allowed), BTreeSet::new(), "{allowed}");
    }
}

#[test]
fn planted_violations_are_found() {
    for (refused, fault) in [
        ("use crate::protocol::tenant::Tenant;", "from a layer after"),
        ("use crate::{types::text::Text, protocol::tenant::Tenant};", "from a layer after"),
        ("fn f() { crate::protocol::tenant::Tenant::new() }", "from a layer after"),
        ("fn f(_: &[crate::protocol::tenant::Tenant; 1]) {}", "from a layer after"),
        ("macro_rules! m { () => { $crate::protocol::tenant::Tenant } }", "from a layer after"),
        ("use crate::Tenant;", "through the root"),
        ("use crate::{Tenant, types::text::Text};", "through the root"),
        ("use crate::*;", "through the root"),
        ("use crate as root; type A = root::Tenant;", "through the root"),
        ("use crate::{self as root};", "through the root"),
        ("extern crate self as root;", "through the root"),
        ("pub use crate::Tenant as Renamed;", "through the root"),
        ("fn f() -> crate::Tenant { 'x'; r#\"\"#; todo!() }", "through the root"),
        ("use super::super::Tenant;", "through the root"),
        ("use super::super::types::text::Text;", "through the root"),
        ("fn f(_: super::super::Tenant) {}", "through the root"),
        ("mod inner { use super::super::super::protocol::tenant::Tenant; }", "through the root"),
        ("use kinde_users_core::Tenant;", "through the root"),
        ("use ::kinde_users_core::types::text::Text;", "through the root"),
        ("use crate::types::Text;", "through a folder"),
        ("use crate::types::*;", "through a folder"),
        ("#[cfg(test)] mod tests {} use crate::Tenant;", "through the root"),
    ] {
        let faults = with(refused);
        assert!(faults.len() == 1 && faults.iter().all(|told| told.contains(fault)), "{refused}: {faults:?}");
    }
}

#[test]
fn circles_and_files_of_no_layer_are_found() {
    let files = [
        ("types/mod.rs", "mod text; mod ids;"),
        ("types/text.rs", "use super::ids::Id;"),
        ("types/ids.rs", "use crate::types::text::Text;"),
        ("models/mod.rs", "mod user; pub use user::User;"),
        ("models/user.rs", "use super::User;"),
        ("elsewhere.rs", ""),
    ];
    let faults = faults(&modules_of(files.map(|(path, source)| (path, source.to_owned()))));
    let expected = [
        "elsewhere is in no layer",
        "in or above a circle: models, models/user, types/ids, types/text",
        "models/user imports models::User through a folder",
    ];
    assert_eq!(faults.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
