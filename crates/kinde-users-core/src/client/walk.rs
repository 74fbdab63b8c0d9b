//! The walk of a client through a list.

use crate::api::paginated::Paginated;
use crate::api::reply::Reply;
use crate::client::call_error::CallError;
use crate::error::call::Error;
use crate::jobs::pages::Pages;
use crate::protocol::call_options::CallOptions;
use crate::types::time::Instant;

/// The walk of a client through pages. Each page is a call. The total timeout, if set, is for all
/// pages together.
#[derive(Clone)]
pub(crate) struct Walk<O: Paginated> {
    pub(crate) pages: Pages<O>,
    until: Option<Instant>,
}

impl<O: Paginated> Walk<O> {
    pub(crate) fn new(operation: O) -> Self {
        Self { pages: Pages::new(operation), until: None }
    }

    pub(crate) fn map_pages(mut self, change: impl FnOnce(Pages<O>) -> Pages<O>) -> Self {
        self.pages = change(self.pages);
        self
    }

    /// Returns the next call, if there is one.
    pub(crate) fn next_call(
        &mut self,
        options: CallOptions,
        now: Instant,
    ) -> Result<Option<(O, CallOptions)>, Error> {
        let operation = self.pages.next_operation()?;
        Ok(operation.map(|operation| (operation, options.for_page(now, &mut self.until))))
    }

    /// Takes the result of the call.
    pub(crate) fn handle<E>(
        &mut self,
        result: Result<Reply, CallError<E>>,
    ) -> Result<O::Output, CallError<E>> {
        let page = result.and_then(|reply| reply.into_output::<O>().map_err(CallError::from));
        match &page {
            Ok(page) => self.pages.received(page),
            Err(_) => self.pages.stop(),
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::get_users::GetUsers;
    use crate::operations::get_users::UsersPage;
    use core::time::Duration;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn received(walk: &mut Walk<GetUsers>, body: &str) {
        let reply = Reply::new::<GetUsers>(http::Response::new(body.as_bytes().to_vec()));
        let page: Result<UsersPage, CallError<Error>> = walk.handle(Ok(reply));
        page.unwrap();
    }

    #[test]
    fn deadline_of_a_walk_begins_with_first_page() {
        let mut walk = Walk::new(GetUsers::new());
        let options =
            CallOptions::new().total_timeout(Duration::from_secs(10)).attempt_timeout(Duration::from_secs(7));
        let (_, first) = walk.next_call(options, at(5)).unwrap().unwrap();
        assert_eq!(first, options);
        received(&mut walk, r#"{"users":[],"next_token":"more"}"#);
        let (operation, second) = walk.next_call(options, at(9)).unwrap().unwrap();
        assert_eq!(operation, GetUsers::new().next_token("more"));
        assert_eq!(second, options.total_timeout(Duration::from_secs(6)));
        received(&mut walk, r#"{"users":[],"next_token":null}"#);
        assert!(walk.next_call(options, at(9)).unwrap().is_none());
    }

    #[test]
    fn page_whose_deadline_is_not_set_has_its_own() {
        let mut walk = Walk::new(GetUsers::new());
        for now in [5, 500] {
            let (_, options) = walk.next_call(CallOptions::new(), at(now)).unwrap().unwrap();
            assert_eq!(options, CallOptions::new());
        }
    }
}
