//! The domain of a Kinde tenant.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use url::{Host, Url};

use crate::types::build_error::Problem;
use crate::types::check_id::check_id;

/// The domain of a tenant. It determines the origin of every request, and the audience of the
/// tokens.
///
/// These are the forms of a domain that people use:
///
/// ```
/// use kinde_users::Domain;
///
/// for text in ["acme", "acme.kinde.com", "https://acme.kinde.com", "https://acme.kinde.com/"] {
///     let domain: Domain = text.parse()?;
///     assert_eq!(domain.origin(), "https://acme.kinde.com");
///     assert_eq!(domain.audience(), "https://acme.kinde.com/api");
/// }
/// # Ok::<(), kinde_users::DomainError>(())
/// ```
///
/// A text in one of these forms becomes the origin. Apart from that, the text is never changed. The
/// text is refused if a URL parser would change it (upper case, international names, `127.1`, a
/// backslash, a default port), or if it has parts that do not belong to an origin (user info, path,
/// query, fragment). So a secret is sent only to the host in the text.
///
/// Tokens and requests use `https`. Plain `http` is allowed for loopback addresses, where tests
/// run. [`Domain::allowing_plain_http`] allows plain `http` for other addresses.
///
/// Use the `kinde.com` domain even if the tenant has a custom domain. Kinde's documentation says
/// that the Management API and its tokens are served at the `kinde.com` domain.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Domain {
    origin: Box<str>,
    audience: Box<str>,
    is_loopback: bool,
}

impl Domain {
    /// Reads a subdomain (`acme`), a host (`acme.kinde.com`) or an origin
    /// (`https://acme.kinde.com`).
    ///
    /// # Errors
    ///
    /// Returns a [`DomainError`] that says what is wrong. The error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        Self::read(text, false)
    }

    /// Like [`Domain::parse`], but accepts `http://` for any host. The client secret, tokens and
    /// password hashes are then sent unencrypted.
    ///
    /// # Errors
    ///
    /// Fails like [`Domain::parse`], but never with [`DomainError::PlainHttp`].
    pub fn allowing_plain_http(text: &str) -> Result<Self, DomainError> {
        Self::read(text, true)
    }

    /// Sets the audience of tokens. The default is `<origin>/api`.
    ///
    /// ```
    /// # use kinde_users::Domain;
    /// let domain = Domain::parse("acme")?.with_audience("https://acme.kinde.com/api/v1");
    /// assert_eq!(domain.audience(), "https://acme.kinde.com/api/v1");
    /// # Ok::<(), kinde_users::DomainError>(())
    /// ```
    #[must_use]
    pub fn with_audience(mut self, audience: &str) -> Self {
        self.audience = audience.into();
        self
    }

    /// Returns the scheme, host and port, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the host without brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let (scheme, authority) = self.origin.split_once("://").unwrap_or(("https", &self.origin));
        let usual = if scheme == "http" { 80 } else { 443 };
        let port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = port.filter(|_| !authority.ends_with(']')).unwrap_or((authority, usual));
        (host.trim_matches(['[', ']']), port)
    }

    /// Returns the audience of tokens.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns whether the host is on this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    fn read(text: &str, plain_http: bool) -> Result<Self, DomainError> {
        match check_id(text) {
            Err(Problem::Empty) => return Err(DomainError::Empty),
            Err(_) => return Err(DomainError::Blank),
            Ok(()) => {}
        }
        let bare = text.strip_suffix('/').unwrap_or(text);
        let origin = if text.contains("://") {
            bare.to_owned()
        } else if text.contains(['.', ':', '[']) {
            format!("https://{bare}")
        } else if is_label(text) && text != "localhost" {
            format!("https://{text}.kinde.com")
        } else {
            return Err(DomainError::Subdomain);
        };

        let url = Url::parse(&origin).map_err(|_| DomainError::Unreadable)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DomainError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(DomainError::Query);
        }
        if url.host().is_none_or(|host| matches!(host, Host::Domain(name) if !is_host(name))) {
            return Err(DomainError::Host);
        }
        let is_loopback = is_loopback(url.host_str().unwrap_or_default().trim_matches(['[', ']']));
        match url.scheme() {
            "https" => {}
            "http" if is_loopback || plain_http => {}
            "http" => return Err(DomainError::PlainHttp),
            _ => return Err(DomainError::Scheme),
        }
        if url.path() != "/" {
            return Err(DomainError::Path);
        }
        // The parser adds the slash of the empty path. Any other difference changes the meaning.
        if url.as_str().strip_suffix('/') != Some(origin.as_str()) {
            return Err(DomainError::Altered);
        }
        let audience = format!("{origin}/api").into();
        Ok(Self { origin: origin.into(), audience, is_loopback })
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.origin)
    }
}

/// Whether a host, without brackets, is on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// One label of a host name.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether every HTTP stack reads a host name the same way. A URL also allows `!`, `(` and empty
/// labels.
pub(crate) fn is_host(host: &str) -> bool {
    host.len() <= 253 && host.split('.').all(is_label)
}

/// Why a text is not the domain of a tenant. The error does not repeat the text, because the text
/// may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DomainError {
    /// The text is empty.
    Empty,
    /// The text begins or ends with a blank, or contains a line break or another control character.
    /// Text that was copied or read from a file may contain such characters.
    Blank,
    /// The text has neither a dot nor a scheme, and is not a subdomain. A subdomain has at most 63
    /// letters, digits and inner hyphens. `localhost` is refused too, because it is not meant as a
    /// subdomain.
    Subdomain,
    /// The text is not a URL.
    Unreadable,
    /// The text contains a user name or a password.
    UserInfo,
    /// The text has a query or a fragment.
    Query,
    /// The text has a path.
    Path,
    /// The host is missing, or is not a host name of letters, digits and inner hyphens.
    Host,
    /// The scheme is neither `https` nor `http`.
    Scheme,
    /// The scheme is `http`, but the address is not loopback; see [`Domain::allowing_plain_http`].
    PlainHttp,
    /// A URL parser would change the text: it contains upper case, an international name, a short
    /// IP address, a backslash, a default port, or white space.
    Altered,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the domain is empty",
            Self::Blank => "the domain has a line break, a control character or a blank at an end",
            Self::Subdomain => {
                "the domain must be a subdomain of kinde.com, a host name or a URL, such as acme.kinde.com"
            }
            Self::Unreadable => "the domain is no URL",
            Self::UserInfo => "the domain must not name a user or password",
            Self::Query => "the domain must not have a query or fragment",
            Self::Path => "the domain must not have a path",
            Self::Host => "the domain has no valid host name",
            Self::Scheme => "the domain's scheme must be https",
            Self::PlainHttp => "plain http is only for loopback addresses",
            Self::Altered => {
                "the domain is not in its normal form (lower case, no default port, no short address)"
            }
        })
    }
}

impl core::error::Error for DomainError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn host_and_port_are_those_of_the_origin() {
        for (text, host, port) in [
            ("acme", "acme.kinde.com", 443),
            ("https://auth.example:8443", "auth.example", 8443),
            ("http://127.0.0.1:3000", "127.0.0.1", 3000),
            ("http://localhost", "localhost", 80),
            ("http://[::1]:3000", "::1", 3000),
            ("https://[::1]", "::1", 443),
        ] {
            assert_eq!(Domain::parse(text).unwrap().host_and_port(), (host, port), "{text}");
        }
    }

    #[test]
    fn subdomain_host_and_origin_are_one_tenant() {
        for text in ["acme", "acme.kinde.com", "https://acme.kinde.com", "https://acme.kinde.com/"] {
            let domain = Domain::parse(text).unwrap();
            assert_eq!(domain.origin(), "https://acme.kinde.com", "{text}");
            assert_eq!(domain.audience(), "https://acme.kinde.com/api", "{text}");
        }
    }

    #[test]
    fn ports_and_custom_hosts_are_kept() {
        assert_eq!(Domain::parse("id.example.com:8443").unwrap().origin(), "https://id.example.com:8443");
        assert_eq!(Domain::parse("https://[::1]:9").unwrap().origin(), "https://[::1]:9");
    }

    #[test]
    fn plain_http_is_refused_beyond_loopback() {
        for text in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"] {
            let domain = Domain::parse(text).unwrap();
            assert_eq!((domain.origin(), domain.is_loopback()), (text, true));
            assert!(Domain::parse(&text.replace("http", "https")).unwrap().is_loopback(), "{text}");
        }
        for text in
            ["http://acme.kinde.com", "http://10.0.0.1", "http://localhost.example.com", "http://[::2]"]
        {
            assert_eq!(Domain::parse(text), Err(DomainError::PlainHttp), "{text}");
            assert!(!Domain::allowing_plain_http(text).unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn what_a_parser_would_change_is_refused() {
        use DomainError::*;
        for (text, error) in [
            ("", Empty),
            ("localhost", Subdomain),
            ("-acme", Subdomain),
            ("a b", Subdomain),
            ("ac/me", Subdomain),
            ("acme@", Subdomain),
            ("bücher", Subdomain),
            ("bücher.kinde.com", Altered),
            ("ACME.kinde.com", Altered),
            ("https://ACME.kinde.com", Altered),
            ("HTTPS://acme.kinde.com", Altered),
            ("127.1", Altered),
            ("0x7f.1", Altered),
            ("https://acme.kinde.com:443", Altered),
            ("https:\\\\acme.kinde.com", Path),
            ("https://acme.kinde.com\\", Altered),
            ("https://acme.kinde.com\t", Blank),
            (" https://acme.kinde.com", Blank),
            ("acme\r", Blank),
            ("acme\n", Blank),
            ("acme.kinde.com\r\n", Blank),
            ("acme ", Blank),
            ("\u{feff}acme", Blank),
            ("acme\u{a0}", Blank),
            ("ac\tme", Blank),
            ("https://acme%2ekinde.com", Altered),
            ("https://user@acme.kinde.com", UserInfo),
            ("https://user:pw@acme.kinde.com", UserInfo),
            ("acme.kinde.com@evil.example", UserInfo),
            ("https://acme.kinde.com/api", Path),
            ("https://acme.kinde.com//", Altered),
            ("acme.kinde.com//", Altered),
            ("https://acme.kinde.com?x=1", Query),
            ("https://acme.kinde.com/#x", Query),
            ("ftp://acme.kinde.com", Scheme),
            ("https://", Unreadable),
            ("https://acme..kinde.com", Host),
            ("acme.kinde.com.", Host),
            (".", Host),
            ("https://a!b.example", Host),
            ("file:///etc/passwd", Host),
        ] {
            let refused = Domain::parse(text).unwrap_err();
            assert_eq!(refused, error, "{text}");
        }
    }

    #[test]
    fn message_says_what_is_wrong() {
        for (text, message) in [
            ("", "the domain is empty"),
            ("acme\n", "the domain has a line break, a control character or a blank at an end"),
            (
                "a b",
                "the domain must be a subdomain of kinde.com, a host name or a URL, such as acme.kinde.com",
            ),
            ("https://", "the domain is no URL"),
            ("https://user@acme.kinde.com", "the domain must not name a user or password"),
            ("https://acme.kinde.com?x=1", "the domain must not have a query or fragment"),
            ("https://acme.kinde.com/api", "the domain must not have a path"),
            ("acme.kinde.com.", "the domain has no valid host name"),
            ("ftp://acme.kinde.com", "the domain's scheme must be https"),
            ("http://acme.kinde.com", "plain http is only for loopback addresses"),
            (
                "ACME.kinde.com",
                "the domain is not in its normal form (lower case, no default port, no short address)",
            ),
        ] {
            assert_eq!(Domain::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn every_domain_is_an_origin_for_http() {
        for text in ["acme", "https://[::1]:9", "a-b.example:65535"] {
            let domain = Domain::parse(text).unwrap();
            assert!(http::Uri::try_from(format!("{}/x", domain.origin())).is_ok());
        }
    }
}
