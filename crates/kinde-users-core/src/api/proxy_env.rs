//! The proxy variables of the environment.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::types::domain::is_loopback;

/// The proxies that the environment variables name, read in the same way as curl. Transports use
/// this type.
///
/// - A request over `https` uses the first of these variables that is set and not blank:
///   `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY`. A request over `http` uses
///   `http_proxy` and `HTTP_PROXY` in place of the first two.
/// - In a CGI program, in which `REQUEST_METHOD` is set, `HTTP_PROXY` is ignored, because it
///   contains a header that the client of the CGI program sent.
/// - `no_proxy`, or else `NO_PROXY`, lists the hosts that are reached directly, separated by commas
///   or blanks. `example.com` and `.example.com` cover this name and all names below it.
///   `*.example.com` covers only the names below it, and `*` covers every host. An IP address or a
///   network (`10.0.0.0/8`) covers hosts that are written as an address. An entry with a port
///   (`example.com:8443`) covers only requests to that port.
/// - Loopback addresses and `localhost` are always reached directly.
///
/// ```
/// use kinde_users::ProxyVariables;
///
/// let variables = ProxyVariables::read(|name| match name {
///     "HTTPS_PROXY" => Some("http://proxy.example:3128".to_owned()),
///     "NO_PROXY" => Some("localhost, .example.com".to_owned()),
///     _ => None,
/// });
/// let proxy_for = |uri: &str| variables.proxy_for(&uri.parse().unwrap());
/// let proxy = ("HTTPS_PROXY", "http://proxy.example:3128");
/// assert_eq!(proxy_for("https://acme.kinde.com/"), Some(proxy));
/// assert_eq!(proxy_for("https://id.example.com/"), None);
/// ```
#[derive(Clone, Default)]
pub struct ProxyVariables {
    https: Option<Variable>,
    http: Option<Variable>,
    no_proxy: Option<Variable>,
}

/// A name and a value. The value may hold a password.
type Variable = (&'static str, String);

impl ProxyVariables {
    /// Reads the variables. The closure `variable` returns the value of the variable with the given
    /// name. If a value is not Unicode, `variable` should return it with replacement characters, so
    /// that the variable counts as set.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?;
                let value = value.trim();
                (!value.is_empty()).then(|| (*name, value.to_owned()))
            })
        };
        let all = ["all_proxy", "ALL_PROXY"];
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = if is_cgi { first(&["http_proxy"]) } else { first(&["http_proxy", "HTTP_PROXY"]) };
        Self {
            https: first(&["https_proxy", "HTTPS_PROXY"]).or_else(|| first(&all)),
            http: http.or_else(|| first(&all)),
            no_proxy: first(&["no_proxy", "NO_PROXY"]),
        }
    }

    /// Returns the name and the value of the variable that names a proxy for a request to `uri`.
    /// The value is not checked, and may contain a password.
    pub fn proxy_for(&self, uri: &Uri) -> Option<(&'static str, &str)> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let (name, value) = if is_https { &self.https } else { &self.http }.as_ref()?;
        let host = uri.host()?;
        let host = host.strip_suffix('.').unwrap_or(host).trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let mut direct = self.no_proxy.iter().flat_map(|(_, list)| list.split([',', ' ', '\t']));
        let is_direct = is_loopback(host) || direct.any(|entry| covers(entry, host, port));
        (!is_direct).then_some((*name, value))
    }
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |variable: &Option<Variable>| variable.as_ref().map(|(name, _)| *name);
        f.debug_struct("ProxyVariables")
            .field("https", &name(&self.https))
            .field("http", &name(&self.http))
            .field("no_proxy", &name(&self.no_proxy))
            .finish()
    }
}

/// Whether this entry of `NO_PROXY` covers requests to `host` (without brackets) and `port`.
fn covers(entry: &str, host: &str, port: u16) -> bool {
    let (name, entry_port) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None => match entry.split_once(':') {
            // With a second colon it is an address of version 6.
            Some((name, port)) if !port.contains(':') => (name, Some(port)),
            _ => (entry, None),
        },
    };
    if entry_port.is_some_and(|entry_port| entry_port.parse() != Ok(port)) {
        return false;
    }
    match host.parse() {
        _ if name == "*" => true,
        Ok(address) => network_holds(name, address),
        Err(_) => is_at_or_below(host, name),
    }
}

/// Whether `network`, an address or one with the length of its prefix, holds this address.
fn network_holds(network: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Some(length)) = (base.parse(), length) else { return false };
    let ((base, base_width), (address, width)) = (bits(base), bits(address));
    let differ = base ^ address;
    base_width == width && differ.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
}

/// Whether a host's name is this one of a list, or below it.
fn is_at_or_below(host: &str, name: &str) -> bool {
    let (name, only_below) = match name.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (name.trim_start_matches('.'), false),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((above, end)) = host.len().checked_sub(name.len()).and_then(|at| host.split_at_checked(at))
    else {
        return false;
    };
    let is_whole = above.is_empty() && !only_below;
    !name.is_empty() && end.eq_ignore_ascii_case(name) && (is_whole || above.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> ProxyVariables {
        ProxyVariables::read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxy_of<'a>(variables: &'a ProxyVariables, uri: &str) -> Option<(&'static str, &'a str)> {
        variables.proxy_for(&uri.parse().unwrap())
    }

    #[test]
    fn scheme_and_lower_case_variables_come_first() {
        let all = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
        let orders = [
            ("https://acme.kinde.com/", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            ("http://acme.kinde.com/", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
        ];
        for (uri, order) in orders {
            for (at, expected) in order.into_iter().enumerate() {
                // Those before it are not set, or blank.
                for before in [None, Some(""), Some(" \t")] {
                    let variables = ProxyVariables::read(|name| {
                        if order[..at].contains(&name) {
                            return before.map(str::to_owned);
                        }
                        all.contains(&name).then(|| format!(" {name}.example\r\n"))
                    });
                    let proxy = proxy_of(&variables, uri);
                    assert_eq!(proxy, Some((expected, &*format!("{expected}.example"))), "{uri}");
                }
            }
        }
    }

    #[test]
    fn variable_of_the_other_scheme_is_no_proxy() {
        assert_eq!(proxy_of(&read(&[]), "https://acme.kinde.com/"), None);
        assert_eq!(proxy_of(&read(&[("http_proxy", "p")]), "https://acme.kinde.com/"), None);
        assert_eq!(proxy_of(&read(&[("https_proxy", "p")]), "http://acme.kinde.com/"), None);
    }

    #[test]
    fn in_cgi_a_header_of_the_client_names_no_proxy() {
        let uri = "http://acme.kinde.com/";
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(proxy_of(&read(&[cgi, ("HTTP_PROXY", "evil")]), uri), None);
        for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
            let variables = read(&[cgi, ("HTTP_PROXY", "evil"), (name, "good")]);
            assert_eq!(proxy_of(&variables, uri), Some((name, "good")));
        }
        let variables = read(&[cgi, ("HTTPS_PROXY", "good")]);
        assert_eq!(proxy_of(&variables, "https://acme.kinde.com/"), Some(("HTTPS_PROXY", "good")));
    }

    #[test]
    fn loopback_is_reached_directly() {
        let variables = read(&[("ALL_PROXY", "p")]);
        for host in
            ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9:8080", "[::1]", "[::1]:80", "localhost."]
        {
            assert_eq!(proxy_of(&variables, &format!("http://{host}/")), None, "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "[::2]", "mylocalhost"] {
            assert!(proxy_of(&variables, &format!("http://{host}/")).is_some(), "{host}");
        }
    }

    #[test]
    fn no_proxy_is_matched_as_others_do() {
        let direct = [
            ("acme.kinde.com", "https://acme.kinde.com/"),
            ("kinde.com", "https://acme.kinde.com/"),
            ("com", "https://acme.kinde.com/"),
            (".kinde.com", "https://acme.kinde.com/"),
            (".kinde.com", "https://kinde.com/"),
            ("*.kinde.com", "https://acme.kinde.com/"),
            ("*", "https://acme.kinde.com/"),
            ("*", "https://10.1.2.3/"),
            ("a.example,*", "https://acme.kinde.com/"),
            ("KINDE.com", "https://Acme.Kinde.Com/"),
            ("a.example, kinde.com", "https://acme.kinde.com/"),
            ("a.example kinde.com", "https://acme.kinde.com/"),
            ("a.example ,\tkinde.com ,", "https://acme.kinde.com/"),
            ("kinde.com.", "https://acme.kinde.com/"),
            ("kinde.com", "https://acme.kinde.com./"),
            ("kinde.com:443", "https://acme.kinde.com/"),
            ("kinde.com:8443", "https://acme.kinde.com:8443/"),
            ("kinde.com:80", "http://acme.kinde.com/"),
            ("*:443", "https://acme.kinde.com/"),
            ("10.1.2.3", "https://10.1.2.3/"),
            ("10.1.2.3:443", "https://10.1.2.3/"),
            ("10.0.0.0/8", "https://10.1.2.3/"),
            ("10.1.2.3/32", "https://10.1.2.3/"),
            ("0.0.0.0/0", "https://10.1.2.3/"),
            ("fd00::1", "https://[fd00::1]/"),
            ("[fd00::1]", "https://[fd00::1]/"),
            ("FD00:0:0::1", "https://[fd00::1]/"),
            ("[fd00::1]:8443", "https://[fd00::1]:8443/"),
            ("fd00::/8", "https://[fd00::1]/"),
            ("::/0", "https://[fd00::1]/"),
        ];
        let proxied = [
            ("", "https://acme.kinde.com/"),
            (",", "https://acme.kinde.com/"),
            (".", "https://acme.kinde.com/"),
            ("*.", "https://acme.kinde.com/"),
            ("*.kinde.com", "https://kinde.com/"),
            ("kinde.com", "https://evilkinde.com/"),
            ("kinde.com", "https://kinde.com.evil.example/"),
            ("acme.kinde.com", "https://kinde.com/"),
            ("longer.acme.kinde.com", "https://acme.kinde.com/"),
            ("*kinde.com", "https://acme.kinde.com/"),
            ("acme.*", "https://acme.kinde.com/"),
            ("kinde.com:444", "https://acme.kinde.com/"),
            ("kinde.com:", "https://acme.kinde.com/"),
            ("kinde.com:x", "https://acme.kinde.com/"),
            ("kinde.com:443", "https://acme.kinde.com:8443/"),
            ("*:80", "https://acme.kinde.com/"),
            ("é.com", "https://acme.kinde.com/"),
            ("10.1.2.4", "https://10.1.2.3/"),
            ("2.3", "https://10.1.2.3/"),
            (".3", "https://10.1.2.3/"),
            ("11.0.0.0/8", "https://10.1.2.3/"),
            ("10.0.0.0/x", "https://10.1.2.3/"),
            ("10.0.0.0/", "https://10.1.2.3/"),
            ("/8", "https://10.1.2.3/"),
            ("10.1.2.2/32", "https://10.1.2.3/"),
            ("::/0", "https://10.1.2.3/"),
            ("0.0.0.0/0", "https://[fd00::1]/"),
            ("fc00::/8", "https://[fd00::1]/"),
            ("[fd00::1]:80", "https://[fd00::1]/"),
            ("[fd00::1]x443", "https://[fd00::1]:8443/"),
            ("fd00::2", "https://[fd00::1]/"),
        ];
        let cases = direct.map(|case| (case, None)).into_iter();
        for ((list, uri), expected) in cases.chain(proxied.map(|case| (case, Some(("all_proxy", "p"))))) {
            for name in ["no_proxy", "NO_PROXY"] {
                let variables = read(&[("all_proxy", "p"), (name, list)]);
                assert_eq!(proxy_of(&variables, uri), expected, "{list:?} {uri}");
            }
        }
        let both = read(&[("all_proxy", "p"), ("no_proxy", "a.example"), ("NO_PROXY", "*")]);
        assert!(proxy_of(&both, "https://acme.kinde.com/").is_some(), "lower case comes first");
    }

    #[test]
    fn value_is_not_printed() {
        let variables = read(&[("https_proxy", "http://sally:s3cret@proxy"), ("NO_PROXY", "intra.example")]);
        let text = format!("{variables:?}");
        assert!(text.contains("https_proxy") && text.contains("NO_PROXY"), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("intra"), "{text}");
    }
}
