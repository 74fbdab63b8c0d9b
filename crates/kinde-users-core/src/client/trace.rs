//! Spans and events of a call, with the feature `tracing`. Without it, nothing is recorded.

#[cfg(feature = "tracing")]
pub(crate) use on::CallSpan;

#[cfg(not(feature = "tracing"))]
pub(crate) use off::CallSpan;

#[cfg(feature = "tracing")]
mod on {
    use core::time::Duration;

    use tracing::field::Empty;
    use tracing::{Span, debug, info_span};

    use crate::api::meta::Meta;
    use crate::protocol::step::{Input, Step};
    use crate::types::time::Instant;

    /// The span of a call. It has the template of the path, never the path or an argument. The
    /// result is recorded at the end, and each step is an event.
    pub(crate) struct CallSpan {
        span: Span,
        status: Option<u16>,
        waited: Duration,
        wait_began: Option<Instant>,
    }

    impl CallSpan {
        pub(crate) fn new(meta: &Meta) -> Self {
            let span = info_span!(
                target: "kinde_users",
                "kinde_users",
                operation = meta.name,
                method = meta.method.as_str(),
                path = meta.path.as_str(),
                status = Empty,
                attempts = Empty,
                wait_ms = Empty,
                error = Empty,
            );
            Self { span, status: None, waited: Duration::ZERO, wait_began: None }
        }

        pub(crate) fn input(&mut self, now: Instant, input: &Input) {
            if let Some(began) = self.wait_began.take() {
                self.waited = self.waited.saturating_add(now.saturating_since(began));
            }
            match input {
                Input::Response(response) => {
                    let status = response.status().as_u16();
                    self.status = Some(status);
                    self.span.in_scope(|| debug!(target: "kinde_users", status, "answered"));
                }
                Input::HeadOnly(head) => {
                    let status = head.status().as_u16();
                    self.status = Some(status);
                    let failure = *head.body();
                    self.span.in_scope(
                        || debug!(target: "kinde_users", status, ?failure, "answered without a body"),
                    );
                }
                Input::Failed(delivery) => {
                    self.status = None;
                    self.span.in_scope(|| debug!(target: "kinde_users", ?delivery, "no answer"));
                }
                Input::Start | Input::Woken => {}
            }
        }

        pub(crate) fn step(&mut self, attempts: u32, now: Instant, step: &Step) {
            match step {
                Step::Send(request) => {
                    let token = !request.headers().contains_key(http::header::AUTHORIZATION);
                    self.span.in_scope(|| debug!(target: "kinde_users", attempts, token, "sent"));
                }
                Step::Wait(wait) => {
                    self.wait_began = Some(now);
                    let at_most = wait.until.saturating_since(now);
                    self.span.in_scope(|| debug!(target: "kinde_users", ?at_most, "waits"));
                }
                Step::Done(result) => {
                    self.end(attempts);
                    if let Err(error) = result {
                        // It is one line without personal data.
                        self.span.record("error", tracing::field::display(error));
                    }
                }
            }
        }

        /// The call was dropped before its end.
        pub(crate) fn cancelled(&self, attempts: u32) {
            self.end(attempts);
            self.span.record("error", "cancelled");
        }

        fn end(&self, attempts: u32) {
            self.span.record("status", self.status);
            self.span.record("attempts", attempts);
            self.span.record("wait_ms", u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::api::meta::Meta;
    use crate::protocol::step::{Input, Step};
    use crate::types::time::Instant;

    pub(crate) struct CallSpan;

    #[expect(clippy::unused_self, reason = "it has the methods of the one that does something")]
    impl CallSpan {
        pub(crate) fn new(_: &Meta) -> Self {
            Self
        }

        pub(crate) fn input(&mut self, _: Instant, _: &Input) {}

        pub(crate) fn cancelled(&self, _: u32) {}

        pub(crate) fn step(&mut self, _: u32, _: Instant, _: &Step) {}
    }
}
