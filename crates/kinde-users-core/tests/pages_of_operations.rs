//! The page of each operation in the documentation says what its code says.

use std::fs;
use std::path::Path;

use kinde_users_core::OPERATIONS;

#[test]
fn table_on_each_page_matches_its_operation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operations");
    for meta in OPERATIONS {
        let source = fs::read_to_string(folder.join(meta.name).with_extension("rs")).unwrap();
        let page: Vec<&str> = source.lines().filter_map(|line| line.strip_prefix("/// ")).collect();
        let cell = |name: &str| {
            let start = format!("| {name} | ");
            let row = page.iter().find_map(|line| line.strip_prefix(&start));
            row.and_then(|row| row.strip_suffix(" |")).unwrap_or_else(|| panic!("{}: no {name}", meta.name))
        };
        assert_eq!(cell("Request"), format!("`{} {}`", meta.method, meta.path.as_str()), "{}", meta.name);
        assert_eq!(cell("Scope"), format!("`{}`", meta.scopes.join("`, `")), "{}", meta.name);
        assert_eq!(cell("Replay"), format!("`{:?}`", meta.replay), "{}", meta.name);
        assert!(cell("Reply").starts_with(&format!("{}, [`", meta.success)), "{}", meta.name);
        assert!(cell("Errors").contains("403 without the scope"), "{}", meta.name);
        assert!(cell("Errors").contains("429 over the rate limit"), "{}", meta.name);
        // An example that builds a request and reads a reply.
        assert!(page.iter().any(|line| line.contains("build_request(")), "{}", meta.name);
        assert!(page.iter().any(|line| line.contains("Reply::new::<")), "{}", meta.name);
    }
}
