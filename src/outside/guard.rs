//! Which addresses a workflow may reach: those of the public internet, and hosts that the settings name. The check is made
//! where the connection is, on the very address, so that a name that changes its mind changes nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A host that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not on the public internet: name it in the setting http.allow if workflows may reach it")]
pub(super) struct NotPublic(pub String);

/// Who knows the addresses of names.
pub(super) trait Names: Clone + Send + Sync + 'static {
    /// Those of this name, as they are now.
    fn addresses_of(&self, name: String) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The system's own resolver.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfTheSystem;

impl Names for OfTheSystem {
    async fn addresses_of(&self, name: String) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// Resolves names to public addresses only. Each connection is made to what this gives it: nobody asks again.
pub(super) struct PublicOnly<N>(pub N);

impl<N: Names> Resolve for PublicOnly<N> {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move {
            let found = names.addresses_of(name.as_str().to_owned()).await?;
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether the address is one of the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Addresses that have another one within are as public as that one, if they are at all: mapped, 6to4, Teredo, NAT64.
    if let Some(within) = address.to_ipv4_mapped() {
        return is_public_v4(within);
    }
    // Of the rest only the part that is given out: neither loopback, link, site and unique local, multicast, nor NAT64.
    (0x2000..0x4000).contains(&parts[0])
        && parts[0] != 0x2002
        && parts[0] != 0x3fff
        && !(parts[0] == 0x2001 && parts[1] < 0x0200)
        && !(parts[0] == 0x2001 && parts[1] == 0x0db8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("172.15.0.1", true),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("169.254.169.254", false),
            ("192.0.0.8", false),
            ("192.168.1.1", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().expect("an address")), public, "{address}");
        }
    }
}
