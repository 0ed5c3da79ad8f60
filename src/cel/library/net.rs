//! `ip`, `cidr` and what can be asked of them. Zones and IPv4-mapped IPv6 addresses are refused, as upstream.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::{Opaque, Value};
use crate::field_error::go_quote;
use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(crate) static NET: Library = Library { introduced: 30, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 18] = [
    declare("ip", &["(string) -> net.IP"], |_, args| Ok(address_value(parse_address(text(args)?)?))),
    declare("ip", &["net.CIDR.() -> net.IP"], |_, args| Ok(address_value(block(args)?.address))),
    declare("isIP", &["(string) -> bool"], |_, args| Ok(Value::Bool(parse_address(text(args)?).is_ok()))),
    declare("ip.isCanonical", &["(string) -> bool"], |_, args| {
        let text = text(args)?;
        Ok(Value::Bool(parse_address(text)?.to_string() == text))
    }),
    declare("family", &["net.IP.() -> int"], |_, args| Ok(Value::Int(if address(args)?.is_ipv4() { 4 } else { 6 }))),
    declare("isUnspecified", ASKED, |_, args| ask(args, |a| a.is_unspecified())),
    declare("isLoopback", ASKED, |_, args| ask(args, |a| a.is_loopback())),
    declare("isLinkLocalMulticast", ASKED, |_, args| ask(args, is_link_local_multicast)),
    declare("isLinkLocalUnicast", ASKED, |_, args| ask(args, is_link_local_unicast)),
    declare("isGlobalUnicast", ASKED, |_, args| ask(args, is_global_unicast)),
    declare("string", &["(net.IP) -> string"], |_, args| Ok(Value::string(address(args)?.to_string()))),
    declare("cidr", &["(string) -> net.CIDR"], |_, args| Ok(Value::Opaque(Arc::new(parse_block(text(args)?)?)))),
    declare("isCIDR", &["(string) -> bool"], |_, args| Ok(Value::Bool(parse_block(text(args)?).is_ok()))),
    declare("containsIP", &["net.CIDR.(string) -> bool", "net.CIDR.(net.IP) -> bool"], contains_ip),
    declare("containsCIDR", &["net.CIDR.(string) -> bool", "net.CIDR.(net.CIDR) -> bool"], contains_cidr),
    declare("prefixLength", &["net.CIDR.() -> int"], |_, args| Ok(Value::Int(block(args)?.bits.into()))),
    declare("masked", &["net.CIDR.() -> net.CIDR"], |_, args| Ok(Value::Opaque(Arc::new(block(args)?.masked())))),
    declare("string", &["(net.CIDR) -> string"], |_, args| {
        let block = block(args)?;
        Ok(Value::string(format!("{}/{}", block.address, block.bits)))
    }),
];

const ASKED: &[&str] = &["net.IP.() -> bool"];

#[derive(Debug, PartialEq)]
struct Address(IpAddr);

#[derive(Debug, PartialEq)]
struct Block {
    address: IpAddr,
    bits: u8,
}

impl Opaque for Address {
    fn type_name(&self) -> &'static str {
        "net.IP"
    }

    fn equals(&self, other: &dyn Opaque) -> Option<bool> {
        other.as_any().downcast_ref::<Self>().map(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Opaque for Block {
    fn type_name(&self) -> &'static str {
        "net.CIDR"
    }

    fn equals(&self, other: &dyn Opaque) -> Option<bool> {
        other.as_any().downcast_ref::<Self>().map(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Block {
    fn masked(&self) -> Self {
        Self { address: truncated(self.address, self.bits), bits: self.bits }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && truncated(self.address, self.bits) == truncated(address, self.bits)
    }
}

/// The address with all but its first `bits` cleared.
fn truncated(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask))
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask))
        }
    }
}

fn text(args: &[Value]) -> Result<&str, EvalError> {
    match args {
        [Value::String(text)] => Ok(text),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn parse_address(text: &str) -> Result<IpAddr, EvalError> {
    if text.contains('%') {
        return Err(EvalError::Runtime(format!("IP address {} with zone value is not allowed", go_quote(text))));
    }
    match text.parse() {
        Ok(IpAddr::V6(a)) if a.to_ipv4_mapped().is_some() => {
            Err(EvalError::Runtime(format!("IPv4-mapped IPv6 address {} is not allowed", go_quote(text))))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(EvalError::Runtime(format!(
            "IP Address {0} parse error during conversion from string: ParseAddr({0}): unable to parse IP",
            go_quote(text)
        ))),
    }
}

fn parse_block(text: &str) -> Result<Block, EvalError> {
    let failed = || {
        EvalError::Runtime(format!(
            "network address parse error during conversion from string: network address parse error during conversion \
             from string: netip.ParsePrefix({}): no '/'",
            go_quote(text)
        ))
    };
    let (address, bits) = text.rsplit_once('/').ok_or_else(failed)?;
    let address = parse_address(address).map_err(|_| failed())?;
    let plain = bits.bytes().all(|b| b.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
    let bits: u8 = if plain {
        bits.parse().map_err(|_| failed())?
    } else {
        return Err(failed());
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    if bits > most { Err(failed()) } else { Ok(Block { address, bits }) }
}

fn address_value(address: IpAddr) -> Value {
    Value::Opaque(Arc::new(Address(address)))
}

fn address(args: &[Value]) -> Result<IpAddr, EvalError> {
    match args.first() {
        Some(Value::Opaque(opaque)) => match opaque.as_any().downcast_ref() {
            Some(Address(address)) => Ok(*address),
            None => Err(EvalError::no_such_overload()),
        },
        _ => Err(EvalError::no_such_overload()),
    }
}

fn block(args: &[Value]) -> Result<&Block, EvalError> {
    match args.first() {
        Some(Value::Opaque(opaque)) => opaque.as_any().downcast_ref().ok_or_else(EvalError::no_such_overload),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn ask(args: &[Value], holds: fn(IpAddr) -> bool) -> Outcome {
    Ok(Value::Bool(holds(address(args)?)))
}

fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => matches!(a.octets(), [224, 0, 0, _]),
        IpAddr::V6(a) => a.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

fn is_link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

fn is_global_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(a) if a.is_broadcast());
    !(broadcast
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local_unicast(address))
}

fn contains_ip(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (block, other) = (block(args)?, args.get(1..).unwrap_or_default());
    let address = match other {
        [Value::String(text)] => parse_address(text)?,
        _ => address(other)?,
    };
    Ok(Value::Bool(block.contains(address)))
}

fn contains_cidr(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let (outer, other) = (block(args)?, args.get(1..).unwrap_or_default());
    let holds = |inner: &Block| outer.bits <= inner.bits && outer.contains(inner.address);
    match other {
        [Value::String(text)] => Ok(Value::Bool(holds(&parse_block(text)?))),
        _ => Ok(Value::Bool(holds(block(other)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_by_prefix() {
        let block = parse_block("10.0.0.0/8").unwrap();
        assert!(block.contains("10.1.2.3".parse().unwrap()) && !block.contains("11.0.0.0".parse().unwrap()));
        assert!(parse_block("0.0.0.0/0").unwrap().contains("1.2.3.4".parse().unwrap()));
        assert!(
            parse_block("10.0.0.0/33").is_err() && parse_block("10.0.0.0/08").is_err() && parse_block("a").is_err()
        );
        assert!(parse_address("::ffff:1.2.3.4").is_err() && parse_address("fe80::1%eth0").is_err());
    }

    #[test]
    fn unicast_and_multicast() {
        assert!(
            is_global_unicast("2001:db8::1".parse().unwrap()) && !is_global_unicast("255.255.255.255".parse().unwrap())
        );
        assert!(
            is_link_local_multicast("ff02::1".parse().unwrap()) && !is_link_local_multicast("fd00::1".parse().unwrap())
        );
    }
}
