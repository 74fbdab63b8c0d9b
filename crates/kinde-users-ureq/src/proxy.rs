//! Finds the proxy that the environment asks for.

use std::env;

use http::Uri;
use kinde_users_core::ProxyVariables;
use ureq::Proxy;

use crate::UreqError;

/// Reads the environment of this process.
pub(crate) fn from_environment() -> ProxyVariables {
    ProxyVariables::read(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

/// Returns the proxy for a request to `uri`, if the variables ask for one.
pub(crate) fn of(variables: &ProxyVariables, uri: &Uri) -> Result<Option<Proxy>, UreqError> {
    let parse = |(name, value)| parse(value).ok_or_else(|| UreqError::of_variable(name));
    variables.proxy_for(uri).map(parse).transpose()
}

/// Parses the address of a proxy: `[scheme://][user[:password]@]host[:port][/]`.
///
/// ureq accepts more than that and may misread it: it ignores a port that is not valid, and an
/// unencoded `/` or `#` in a password ends the host's name.
fn parse(value: &str) -> Option<Proxy> {
    let proxy = Proxy::new(value).ok()?;
    let authority = value.split_once("://").map_or(value, |(_, authority)| authority);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let port = host_and_port.strip_prefix(proxy.host())?;
    let is_port = |port: &str| port.parse().is_ok_and(|port: u16| port == proxy.port());
    let is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (is_valid && !proxy.host().is_empty()).then_some(proxy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::ProxyProtocol::{self, *};

    #[test]
    fn address_of_a_proxy_is_parsed() {
        let cases: [(&str, (ProxyProtocol, &str, u16)); 14] = [
            ("http://proxy.example:3128", (Http, "proxy.example", 3128)),
            ("http://proxy.example:3128/", (Http, "proxy.example", 3128)),
            ("HTTP://proxy.example:3128", (Http, "proxy.example", 3128)),
            ("http://proxy.example", (Http, "proxy.example", 80)),
            ("https://proxy.example", (Https, "proxy.example", 443)),
            ("proxy.example:3128", (Http, "proxy.example", 3128)),
            ("proxy", (Http, "proxy", 80)),
            ("10.1.2.3:3128", (Http, "10.1.2.3", 3128)),
            ("http://[fd00::1]:3128", (Http, "[fd00::1]", 3128)),
            ("http://[fd00::1]", (Http, "[fd00::1]", 80)),
            ("http://user:p%40ss%2F@proxy:3128", (Http, "proxy", 3128)),
            ("user:p@ss@proxy:3128", (Http, "proxy", 3128)),
            ("socks5://proxy", (Socks5, "proxy", 1080)),
            ("socks5h://user:pw@proxy:9050", (Socks5h, "proxy", 9050)),
        ];
        for (value, expected) in cases {
            let proxy = parse(value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!((proxy.protocol(), proxy.host(), proxy.port()), expected, "{value}");
        }
    }

    #[test]
    fn invalid_proxy_address_is_refused() {
        for value in [
            "",
            "http://",
            "http://:3128",
            "http://user:pw@",
            "://proxy:3128",
            "ftp://proxy:3128",
            "direct://",
            "http//proxy:3128",
            "http:/proxy:3128",
            "http:proxy:3128",
            "http://proxy:port",
            "http://proxy:",
            "http://proxy:99999",
            "http://proxy:-1",
            "proxy:99999",
            "http://pro xy:3128",
            "http://proxy:3128 http://other:3128",
            "http://proxy:3128,http://other:3128",
            "http://proxy:3128/proxy.pac",
            "http://proxy:3128?x",
            "http://proxy:3128#x",
            "http://user:p/w@proxy:3128",
            "http://user:12/w@proxy:3128",
            "http://user:12#w@proxy:3128",
            "http://user:12?w@proxy:3128",
            "http://user:12\\w@proxy:3128",
            "http://user:%ff@proxy:3128",
            "http://pr\u{f6}xy:3128",
            "http://proxy\u{fffd}:3128",
            "[fd00::1",
            "fd00::1",
            "/etc/proxy",
        ] {
            assert!(parse(value).is_none(), "{value:?} is {:?}", parse(value));
        }
    }
}
