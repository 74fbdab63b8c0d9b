#![doc = include_str!("../README.md")]

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
}
