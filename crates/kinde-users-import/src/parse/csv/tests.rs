use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::string::ToString as _;

/// Returns rows as `LINE: VALUE|VALUE`, and problems as their text.
fn read(bytes: &[u8]) -> Vec<String> {
    let mut reader = CsvReader::new(bytes);
    let rows: Vec<_> = reader.by_ref().map(shown).collect();
    assert!(reader.next().is_none());
    // Each byte is inspected, and a few times at most, whatever the quotes are.
    let looks = bytes.len()..=6 * bytes.len() + 100;
    assert!(looks.contains(&reader.looks), "{} inspections of {} bytes", reader.looks, bytes.len());
    rows
}

fn shown(row: Result<CsvRow, CsvError>) -> String {
    match row {
        Ok(row) => std::format!("{}: {}", row.line, row.values.join("|")),
        Err(error) => error.to_string(),
    }
}

fn rows(text: &str) -> Vec<String> {
    read(text.as_bytes())
}

#[test]
fn separator_is_recognized() {
    for text in [
        "a,b\n1,2\n",
        "a;b\r\n1;2\r\n",
        "a\tb\n1\t2",
        "sep=;\na;b\n1;2",
        "\"sep=,\"\r\na,b\r\n1,2",
        "SEP=|\na|b\n1|2",
        "sep=\t\na\tb\n1\t2",
        "\n\n  \na;b\n1;2",
        "a;\"b\"\n1;2",
        "a,b\r1,2\r",
    ] {
        let rows = rows(text);
        assert!(
            rows.len() == 2 && rows[0].ends_with(": a|b") && rows[1].ends_with(": 1|2"),
            "{text:?} {rows:?}"
        );
    }
    // Separators in quotes do not count, and a comma has priority over the others.
    assert_eq!(rows("\"a;b;c\",d\n1,2"), ["1: a;b;c|d", "2: 1|2"]);
    assert_eq!(rows("email\na@b"), ["1: email", "2: a@b"]);
    assert_eq!(rows("a,b;c\n1,2"), ["1: a|b;c", "2: 1|2"]);
    assert_eq!(rows("a,b\tc\n1,2"), ["1: a|b\tc", "2: 1|2"]);
    // The lines before the header count.
    assert_eq!(rows("\n\n  \na;b\n1;2"), ["4: a|b", "5: 1|2"]);
    assert_eq!(rows("sep=;\na;b\n1;2"), ["2: a|b", "3: 1|2"]);
}

#[test]
fn only_quotes_of_rfc_4180_are_accepted() {
    assert_eq!(rows("a,b\n\"1,\"\"2\"\"\n3\",\"\"\n"), ["1: a|b", "2: 1,\"2\"\n3|"]);
    assert_eq!(rows("a,b\n\"xy\r\nz\r\n\r\",1\n2,3"), ["1: a|b", "2: xy\r\nz\r\n\r|1", "6: 2|3"]);
    assert_eq!(rows("a,b\n\"C:\\\",1"), ["1: a|b", "2: C:\\|1"]);
    assert_eq!(rows("a,b\n'x,O'Hara\n"), ["1: a|b", "2: 'x|O'Hara"]);
    for (row, problem) in [
        ("Ida, \"Holm\"", "line 2, column 2: a space before the opening quote"),
        ("\t\"Ida\",Holm", "line 2, column 1: a space before the opening quote"),
        ("\"Ida\" ,Holm", "line 2, column 1: text follows the closing quote"),
        ("\"Ida\"x,Holm", "line 2, column 1: text follows the closing quote"),
        ("\"Ida \"the\" Holm\",1", "line 2, column 1: text follows the closing quote"),
        ("Ida \"the\" Holm,1", "line 2, column 1: an unquoted value contains a quote"),
        ("5\" pipe,1", "line 2, column 1: an unquoted value contains a quote"),
        ("\"say \\\"hi\\\"\",1", "line 2, column 1: a backslash is no escape"),
        ("say \\\"hi\\\",1", "line 2, column 1: a backslash is no escape"),
        ("Holm\\, Ida,1", "line 2, column 1: a backslash is no escape"),
        ("Ida,Holm\\", "line 2, column 2: a backslash is no escape"),
        ("'Ida',Holm", "line 2, column 1: single quotes"),
        ("Ida,'ida@example.com'", "line 2, column 2: single quotes"),
        ("=\"0123\",1", "line 2, column 1: the value is a spreadsheet formula"),
        ("Ida", "line 2: the row has 1 value, but the file has 2 columns"),
        ("Ida,Holm,x", "line 2: the row has 3 values, but the file has 2 columns"),
        ("\"Ida", "line 2, column 1: the opening quote is never closed"),
    ] {
        let rows = rows(&std::format!("a,b\n{row}\n1,2\n"));
        assert_eq!(rows.len(), 3, "{row} {rows:?}");
        assert!(rows[1].starts_with(problem), "{row} {rows:?}");
        assert_eq!(rows[2], "3: 1|2", "{row}");
    }
    let lines = rows("a,b\n\"x\ny\\\"z\",1\n\"x\n\ny\"\n1,2\n");
    assert!(lines[1].starts_with("lines 2 to 3, column 1: a backslash is no escape"), "{lines:?}");
    assert_eq!(lines[2], "lines 4 to 6: the row has 1 value, but the file has 2 columns");
    assert_eq!(lines[3], "7: 1|2");
    assert_eq!(rows("a,b\n\"x\ny\"")[1], "lines 2 to 3: the row has 1 value, but the file has 2 columns");
    let named = read(b"sep=\xf6\na,b\n1,2");
    assert!(named[0].starts_with("line 1, column 1: the value is not UTF-8"), "{named:?}");
    let latin1 = read(b"a,b\nJ\xf6rg,1\n1,2");
    assert!(latin1[1].starts_with("line 2, column 1: the value is not UTF-8"), "{latin1:?}");
    assert_eq!(latin1[2], "3: 1|2");
}

#[test]
fn missing_quote_takes_no_other_line_along() {
    let missing = rows("a,b\n\"Ida,1\nOle,2\n\"Dahl, O.\",3\n4,5\n");
    assert!(missing[1].starts_with("line 2, column 1: text follows the closing quote"), "{missing:?}");
    assert_eq!(missing[2..], ["3: Ole|2", "4: Dahl, O.|3", "5: 4|5"]);
    let again = rows("a,b\n1,2\n\"x,3\n4,5\n\"\"\"\"\"\",6\n");
    assert!(
        again.iter().any(|row| row.starts_with("line 3, column 1: the opening quote is never closed")),
        "{again:?}"
    );
    assert!(again.contains(&"4: 4|5".into()));
}

#[test]
fn empty_rows_and_columns_at_the_end_are_skipped() {
    assert_eq!(rows("a,b,,\n1,2,,\n,,,\n\n , \n3,4\n5,6,,,,\n"), ["1: a|b", "2: 1|2", "6: 3|4", "7: 5|6"]);
    assert_eq!(rows("a,b,,\n1,2,3,\n")[1], "line 2: the row has 3 values, but the file has 2 columns");
    assert_eq!(rows("a,b\n1,\n"), ["1: a|b", "2: 1|"]);
    assert_eq!(rows(""), [""; 0]);
    assert_eq!(rows("\r\n\n"), [""; 0]);
    let headerless: Vec<_> =
        CsvReader::without_header(&b"1,2,,\n1,2,3,4\n1,2,3\n"[..], 4).map(shown).collect();
    assert_eq!(
        headerless,
        ["1: 1|2||", "2: 1|2|3|4", "line 3: the row has 3 values, but the file has 4 columns"]
    );
}

#[test]
fn too_long_rows_are_skipped_in_bounded_memory() {
    for (long, problem) in [
        ("x".repeat(3 * LONGEST_ROW), "line 2: the row is longer"),
        ("x\r".repeat(LONGEST_ROW), "line 2: the row has 1 value"),
    ] {
        let text = std::format!("a,b\n{long}\n1,2\n");
        let mut reader = CsvReader::new(text.as_bytes());
        reader.next().unwrap().unwrap();
        assert!(shown(reader.next().unwrap()).starts_with(problem));
        assert!(reader.buffer.len() <= LONGEST_ROW + 2 * CHUNK);
        let mut last = None;
        while let Some(row) = reader.next() {
            assert!(reader.buffer.len() <= LONGEST_ROW + 2 * CHUNK);
            last = row.ok();
        }
        assert_eq!(last.unwrap().values, ["1", "2"]);
        assert!(reader.looks <= 6 * text.len());
    }
    // The same for a quote that is not closed within the limit.
    let text = std::format!("a,b\n\"x,1\n{}", "1,2\n".repeat(LONGEST_ROW / 2));
    let mut reader = CsvReader::new(text.as_bytes());
    reader.next().unwrap().unwrap();
    assert!(shown(reader.next().unwrap()).starts_with("line 2, column 1: the opening quote is never closed"));
    assert_eq!(reader.by_ref().flatten().count(), LONGEST_ROW / 2);
    assert!(reader.looks <= 6 * text.len());
}

#[test]
fn longest_row_has_one_mebibyte() {
    assert_eq!(LONGEST_ROW, 1024 * 1024);
    for line_end in ["\n", "\r"] {
        let row = "x".repeat(LONGEST_ROW - 2) + ",y";
        let text = ["a,b", &row, &(row.clone() + "y"), "1,2;3"].join(line_end);
        let rows = rows(&text);
        assert!(rows[1].ends_with("x|y"), "{line_end:?}");
        assert_eq!(rows[2..], ["line 3: the row is longer than 1 MiB", "4: 1|2;3"], "{line_end:?}");
    }
    // The separator is not that of the rest of such a row.
    let header = "x".repeat(LONGEST_ROW);
    let rows = rows(&std::format!("{header};\na;b"));
    assert_eq!(rows, ["line 1: the row is longer than 1 MiB", "2: a;b"]);
}

#[test]
fn rows_without_line_feeds_are_not_kept_in_memory() {
    let text = "x".repeat(CHUNK + 10) + "\r" + &"x\r".repeat(2 * CHUNK);
    let mut reader = CsvReader::new(text.as_bytes());
    while let Some(row) = reader.next() {
        row.unwrap();
        assert!(reader.buffer.len() <= 3 * CHUNK);
    }
}

#[test]
fn bytes_of_a_wrong_row_are_kept_unless_it_is_too_long() {
    for (length, is_kept) in [(10, true), (LONGEST_ROW, true), (LONGEST_ROW + 1, false)] {
        let row = "x\"".to_string() + &"x".repeat(length - 2);
        let text = std::format!("a,b\n{row}\n1,2\n");
        let mut reader = CsvReader::new(text.as_bytes());
        reader.next().unwrap().unwrap();
        assert!(reader.next().unwrap().is_err());
        assert_eq!(reader.raw(), is_kept.then_some(row.as_bytes()), "{length}");
    }
}

#[test]
fn read_error_ends_the_rows() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut reader = CsvReader::new(io::BufReader::new(b"a,b\n1,2\n3,".chain(Broken)));
    let rows: Vec<_> = reader.by_ref().map(shown).collect();
    assert_eq!(rows, ["1: a|b", "2: 1|2", "line 3: the file cannot be read: broken"]);
    assert!(reader.next().is_none());
    // This error matters more than that of the row, which is not read to its end at once.
    let text = "a,b\nx\"".to_string() + &"y".repeat(CHUNK);
    let wrong = CsvReader::new(io::BufReader::new(text.as_bytes().chain(Broken)));
    assert_eq!(wrong.map(shown).collect::<Vec<_>>(), ["1: a|b", "line 2: the file cannot be read: broken"]);
}

#[test]
fn hostile_text_takes_linear_time() {
    for piece in [
        "\"",
        "\"\n",
        "a\"\n",
        "\"a\n",
        ",\"",
        "\"\"\"\n",
        "\"\",\"\n",
        "\r",
        "\r\n",
        ",",
        "\\",
        "\"\\\"\n",
        "=\"\n",
        " \"\n",
        "\"\"\n\"x\n",
    ] {
        let text = piece.repeat(20_000);
        read(text.as_bytes());
        read(std::format!("\"{text}").as_bytes());
    }
}

proptest! {
    #[test]
    fn rows_of_the_csv_crate_are_read_back(
        separator in prop::sample::select(&b",;\t"[..]),
        crlf in any::<bool>(),
        table in (2..6_usize).prop_flat_map(|columns| vec(vec("[a-z\",;\t\r\n\\\\' é]{0,8}|\\PC{0,8}", columns), 0..8)),
    ) {
        let columns = table.first().map_or(2, Vec::len);
        let header: Vec<_> = (0..columns).map(|n| std::format!("name {n}")).collect();
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(separator)
            .terminator(terminator)
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        writer.write_record(&header).unwrap();
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let written = writer.into_inner().unwrap();
        let read: Vec<_> = CsvReader::new(&written[..]).map(|row| row.unwrap().values).collect();
        let is_there = |row: &&Vec<String>| row.iter().any(|value| !value.trim().is_empty());
        let expected: Vec<_> = std::iter::once(&header).chain(table.iter().filter(is_there)).cloned().collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn unquoted_values_are_read_back(
        separator in prop::sample::select(&b",;\t"[..]),
        table in vec(vec("[a-zé@.]{1,8}", 3), 1..8),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let written = writer.into_inner().unwrap();
        let read: Vec<_> = CsvReader::new(&written[..]).map(|row| row.unwrap().values).collect();
        prop_assert_eq!(read, table);
    }

    #[test]
    fn any_bytes_take_linear_time_and_each_line_counts_once(bytes in vec(prop::sample::select(&b"\"\",\n\n\ra\\ '=\xff;"[..]), 0..300)) {
        read(&bytes);
        let mut last = 0;
        for row in CsvReader::new(&bytes[..]) {
            let (first, end) = match row {
                Ok(row) => (row.line, row.line),
                Err(error) => (error.line, error.last_line),
            };
            prop_assert!(first > last && end >= first);
            last = end;
        }
    }
}
