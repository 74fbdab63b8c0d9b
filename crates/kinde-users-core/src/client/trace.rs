//! The observer that makes spans, with the feature `tracing`. The names of the fields are those of
//! OpenTelemetry.

use alloc::boxed::Box;
use core::time::Duration;

use tracing::field::{Empty, display};
use tracing::{Span, debug, info_span};

use crate::api::meta::Meta;
use crate::client::observer::{Answered, Attempt, Done, Observer};

/// The span of a call, and in it a span of each request. They have the template of the path, never
/// the path or an argument.
struct Spans {
    call: Span,
    request: Span,
}

/// Creates the observer of a call. Returns `None` if nothing records its span.
pub(crate) fn observer(operation: &Meta) -> Option<Box<dyn Observer + Send>> {
    let call = info_span!(
        target: "kinde_users",
        "kinde_users.call",
        "otel.name" = operation.name,
        operation = operation.name,
        attempts = Empty,
        wait_ms = Empty,
        "error.type" = Empty,
        error = Empty,
        "otel.status_code" = Empty,
    );
    if call.is_disabled() {
        return None;
    }
    Some(Box::new(Spans { call, request: Span::none() }))
}

/// The whole milliseconds of a duration. All numbers are signed, because OpenTelemetry has no
/// others.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Records what went wrong.
fn record_error(span: &Span, error_type: Option<&str>) {
    if let Some(error_type) = error_type {
        span.record("error.type", error_type);
        span.record("otel.status_code", "ERROR");
    }
}

impl Observer for Spans {
    fn sent(&mut self, attempt: &Attempt<'_>) {
        let (method, template) = (attempt.method.as_str(), attempt.url_template);
        self.request = info_span!(
            target: "kinde_users",
            parent: &self.call,
            "kinde_users.request",
            "otel.kind" = "client",
            "otel.name" = %format_args!("{method} {template}"),
            "http.request.method" = method,
            "url.template" = template,
            "server.address" = attempt.server_address(),
            "server.port" = i64::from(attempt.server_port()),
            "http.request.resend_count" = (attempt.resend_count > 0).then(|| i64::from(attempt.resend_count)),
            "http.response.status_code" = Empty,
            "error.type" = Empty,
            "otel.status_code" = Empty,
        );
        debug!(target: "kinde_users", parent: &self.request, "sent");
    }

    fn answered(&mut self, _: &Attempt<'_>, answer: &Answered<'_>) {
        let request = core::mem::replace(&mut self.request, Span::none());
        request.record("http.response.status_code", answer.status.map(|status| i64::from(status.as_u16())));
        record_error(&request, answer.error_type());
        debug!(target: "kinde_users", parent: &request, "answered");
    }

    fn rate_limited(&mut self, _: &Attempt<'_>, reset: Option<Duration>) {
        debug!(target: "kinde_users", parent: &self.call, reset_ms = reset.map(millis), "rate limited");
    }

    fn will_retry(&mut self, _: &Attempt<'_>) {
        debug!(target: "kinde_users", parent: &self.call, "will retry");
    }

    fn waits(&mut self, at_most: Duration) {
        debug!(target: "kinde_users", parent: &self.call, at_most_ms = millis(at_most), "waits");
    }

    fn token_renewed(&mut self, lifetime: Option<Duration>) {
        let lifetime_s = lifetime.and_then(|lifetime| i64::try_from(lifetime.as_secs()).ok());
        debug!(target: "kinde_users", parent: &self.call, lifetime_s, "token renewed");
    }

    fn done(&mut self, call: &Done<'_>) {
        self.call.record("attempts", i64::from(call.attempts));
        self.call.record("wait_ms", millis(call.waited));
        record_error(&self.call, call.error_type());
        // A call that is dropped may have a request under way.
        record_error(&self.request, call.error_type());
        if let Some(error) = call.error() {
            self.call.record("error", display(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::{Debug, Write as _};
    use std::string::String;
    use std::sync::{Arc, Mutex};
    use std::vec::Vec;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::api::operation::MetaRef as _;
    use crate::operations::get_users::GetUsers;
    use crate::types::domain::Domain;

    /// Keeps the events, each as one line.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Events {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, "{field}={value:?};").unwrap();
        }
    }

    #[test]
    fn events_say_what_happens_between_requests() {
        let (domain, operation) = (Domain::parse("acme").unwrap(), GetUsers::META_REF);
        let attempt = Attempt {
            operation,
            method: &operation.method,
            url_template: operation.path.as_str(),
            is_token_request: false,
            number: 1,
            resend_count: 0,
            domain: &domain,
        };
        let events = Events::default();
        tracing::subscriber::with_default(events.clone(), || {
            let mut spans = observer(operation).unwrap();
            spans.rate_limited(&attempt, Some(Duration::from_secs(7)));
            spans.will_retry(&attempt);
            spans.waits(Duration::from_millis(1500));
            spans.token_renewed(Some(Duration::from_secs(3600)));
        });
        assert_eq!(
            *events.0.lock().unwrap(),
            [
                "message=rate limited;reset_ms=7000;",
                "message=will retry;",
                "message=waits;at_most_ms=1500;",
                "message=token renewed;lifetime_s=3600;",
            ]
        );
    }
}
