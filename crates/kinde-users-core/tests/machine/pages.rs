//! A walk through pages ends, whatever the server says comes next.

use std::collections::BTreeSet;

use kinde_users_core::operations::{GetUsers, UsersPage};
use kinde_users_core::{AccessToken, Cursor, Domain, Error, Operation, Pages, build_request};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use url::Url;

use super::config;

/// What each page says comes next. The first page is number 0, and no cursor leads to it.
type Server = Vec<Next>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Absent,
    Null,
    Empty,
    Page(usize),
}

/// An opaque text, with all that has to be encoded.
fn cursor(page: usize) -> String {
    format!("{page} +&=%20/é#")
}

fn page(next: Next) -> UsersPage {
    let body = match next {
        Next::Absent => json!({"users": null}),
        Next::Null => json!({"users": [], "next_token": null}),
        Next::Empty => json!({"users": [], "next_token": ""}),
        Next::Page(page) => json!({"users": [], "next_token": cursor(page)}),
    };
    serde_json::from_value(body).unwrap()
}

/// The number of the page that is asked for.
fn asked_for(operation: &GetUsers) -> usize {
    let domain = Domain::parse("acme").unwrap();
    let request = build_request(operation, &domain, &AccessToken::new("t").unwrap()).unwrap();
    let uri = Url::parse(&request.uri().to_string()).unwrap();
    let mut pairs = uri.query_pairs();
    let asked = pairs.find(|(name, _)| name == "next_token").map(|(_, text)| text.into_owned());
    asked.map_or(0, |asked| (1..).take(100).find(|page| cursor(*page) == asked).expect("a cursor as it came"))
}

/// Walks to the end. Gives the pages that came, and whether the last one leads back.
fn walk(pages: &mut Pages<GetUsers>, server: &Server) -> Result<(Vec<usize>, bool), TestCaseError> {
    let mut came = Vec::new();
    loop {
        let operation = match pages.next_operation() {
            Ok(Some(operation)) => operation,
            Ok(None) => return Ok((came, false)),
            Err(Error::CursorLoop(meta)) => {
                prop_assert_eq!(meta.name, GetUsers::META.name);
                prop_assert_eq!(pages.next_operation(), Ok(None));
                prop_assert!(!pages.is_complete());
                return Ok((came, true));
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let again = pages.next_operation();
        prop_assert_eq!(again, Ok(Some(operation.clone())), "asked again, it is another one");
        prop_assert!(came.len() < server.len(), "there are no more pages than {:?}", came);
        came.push(asked_for(&operation));
        pages.received(&page(server[came[came.len() - 1]]));
    }
}

fn servers() -> impl Strategy<Value = Server> {
    (1_usize..8).prop_flat_map(|pages| {
        let ends = select(&[Next::Absent, Next::Null, Next::Empty][..]);
        let next = prop_oneof![1 => ends, 5 => (1..=pages).prop_map(Next::Page)];
        vec(next, pages + 1)
    })
}

/// Servers whose list ends: each page leads to the one after it.
fn sound_servers() -> impl Strategy<Value = Server> {
    (0_usize..12, select(&[Next::Absent, Next::Null, Next::Empty][..]))
        .prop_map(|(pages, end)| (1..=pages).map(Next::Page).chain([end]).collect())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn walk_ends_and_no_page_comes_twice(
        server in servers(),
        first in option::of(1_usize..8),
        most in option::of(0_u64..10),
    ) {
        let first = first.map(|first| 1 + first % (server.len() - 1));
        let mut pages = Pages::new(GetUsers::new().page_size(5));
        pages = first.into_iter().fold(pages, |pages, first| pages.resume_from(cursor(first)));
        pages = most.into_iter().fold(pages, Pages::max_pages);
        let (came, leads_back) = walk(&mut pages, &server)?;

        prop_assert_eq!(came.iter().collect::<BTreeSet<_>>().len(), came.len(), "{:?}", came);
        prop_assert!(most.is_none_or(|most| came.len() as u64 <= most), "{:?}", came);
        prop_assert!(came.first().is_none_or(|page| *page == first.unwrap_or(0)));
        prop_assert!(came.windows(2).all(|pair| server[pair[0]] == Next::Page(pair[1])), "{:?}", came);
        let Some(last) = came.last() else {
            prop_assert_eq!(most, Some(0));
            return Ok(());
        };
        // Why it ended: the list did, it leads back, or enough pages came.
        match server[*last] {
            Next::Page(next) if leads_back => prop_assert!(came.contains(&next)),
            Next::Page(next) => {
                prop_assert_eq!(Some(came.len() as u64), most);
                prop_assert_eq!(pages.cursor().cloned(), Some(Cursor::from(cursor(next))));
                prop_assert!(!pages.is_complete());
            }
            Next::Absent | Next::Null | Next::Empty => {
                prop_assert!(pages.is_complete() && !leads_back);
                prop_assert_eq!(pages.cursor(), None);
            }
        }
    }

    #[test]
    fn walk_in_pieces_is_the_whole_walk(server in sound_servers(), pieces in vec(1_u64..4, 12)) {
        let whole = walk(&mut Pages::new(GetUsers::new()), &server)?;
        prop_assert_eq!(&whole, &((0..server.len()).collect(), false));

        let (mut came, mut next) = (Vec::new(), Cursor::from(""));
        for most in pieces {
            let mut pages = Pages::new(GetUsers::new()).resume_from(next).max_pages(most);
            came.extend(walk(&mut pages, &server)?.0);
            let Some(cursor) = pages.cursor() else { break };
            next = cursor.clone();
        }
        prop_assert_eq!(came, whole.0);
    }
}
