//! Headers and trailers: the resource `fields`.
//!
//! Names have small letters, as everywhere in the crate `http`. What belongs to a
//! connection and not to a message is forbidden: guests can neither see nor set it.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use linkspan::{Error, HostError, Result};

use super::bindings::wasi::http::types::{FieldName, FieldValue, HeaderError, HostFields};
use super::exchange::State;
use super::held::Held;
use super::limits::HttpLimits;
use crate::ctx::WasiView;

/// Headers or trailers: the value of the resource `fields`. A guest that changes what
/// it shares gets a copy of its own.
#[derive(Debug)]
pub struct Fields {
    map: Arc<Map>,
    is_immutable: bool,
}

/// A map, and what of the guest's account it takes.
#[derive(Debug, Default)]
pub(super) struct Map {
    fields: HeaderMap,
    /// Bytes of all names and values.
    bytes: usize,
    held: Option<Held>,
}

/// What an entry takes beside its bytes, and an empty map.
const ENTRY_BYTES: usize = 128;
const EMPTY_BYTES: usize = 256;

impl Map {
    /// The headers of the one request that the host itself gives a guest.
    pub(super) fn given(fields: HeaderMap) -> Map {
        Map {
            bytes: bytes(&fields),
            fields,
            held: None,
        }
    }

    /// Fields that are there because the guest wants them, or no room for them.
    pub(super) fn asked_for(fields: HeaderMap, http: &State) -> Result<Map> {
        let mut map = Map::given(fields);
        map.held = Some(http.hold(map.cost())?);
        Ok(map)
    }

    /// About what it takes.
    fn cost(&self) -> usize {
        EMPTY_BYTES + self.bytes + ENTRY_BYTES * self.fields.len()
    }
}

/// The names that a guest can neither see nor set.
fn is_forbidden(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 7] = [
        header::CONNECTION,
        header::HOST,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    NAMES.contains(name)
        || matches!(
            name.as_str(),
            "http2-settings" | "keep-alive" | "proxy-connection"
        )
}

/// Takes out of a message what belongs to its connection.
pub(super) fn remove_forbidden(map: &mut HeaderMap) {
    let forbidden = map.keys().filter(|name| is_forbidden(name)).cloned();
    for name in forbidden.collect::<Vec<_>>() {
        map.remove(name);
    }
}

/// Whether headers or trailers are within the limits.
pub(super) fn is_within(map: &HeaderMap, limits: &HttpLimits) -> bool {
    map.len() <= limits.header_count && bytes(map) <= limits.header_bytes
}

fn bytes(map: &HeaderMap) -> usize {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    map.iter().map(bytes).sum()
}

impl Fields {
    /// Fields that a guest can only read.
    pub(super) fn immutable(map: Arc<Map>) -> Fields {
        Fields {
            map,
            is_immutable: true,
        }
    }

    fn mutable(map: Arc<Map>) -> Fields {
        Fields {
            map,
            is_immutable: false,
        }
    }

    /// The same fields, which a guest can only read.
    pub(super) fn share(&self) -> Fields {
        Fields::immutable(Arc::clone(&self.map))
    }

    pub(super) fn map(&self) -> &HeaderMap {
        &self.map.fields
    }

    pub(super) fn into_map(self) -> HeaderMap {
        match Arc::try_unwrap(self.map) {
            Ok(map) => map.fields,
            Err(shared) => shared.fields.clone(),
        }
    }

    /// The map, which nobody else has.
    fn own(&mut self, http: &State) -> Result<&mut Map> {
        if Arc::get_mut(&mut self.map).is_none() {
            // The room is there before the copy.
            let held = http.hold(self.map.cost())?;
            self.map = Arc::new(Map {
                held: Some(held),
                ..Map::given(self.map.fields.clone())
            });
        }
        let map = Arc::get_mut(&mut self.map);
        map.ok_or_else(|| Error::msg("expected fields of one's own, found shared ones"))
    }

    /// The name, if a guest may set it.
    fn settable(&self, name: &str) -> Result<HeaderName, HeaderError> {
        if self.is_immutable {
            return Err(HeaderError::Immutable);
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| HeaderError::InvalidSyntax)?;
        match is_forbidden(&name) {
            true => Err(HeaderError::Forbidden),
            false => Ok(name),
        }
    }

    fn add(
        &mut self,
        http: &State,
        name: &HeaderName,
        value: &[u8],
    ) -> Result<(), HostError<HeaderError>> {
        let value = HeaderValue::from_bytes(value).map_err(|_| HeaderError::InvalidSyntax)?;
        let limits = http.limits();
        let map = self.own(http).map_err(HostError::Trap)?;
        map.bytes += name.as_str().len() + value.len();
        if map.bytes > limits.header_bytes {
            return Err(HostError::trap(format!(
                "expected at most {} bytes of fields, found {}",
                limits.header_bytes, map.bytes
            )));
        }
        let cost = map.cost() + ENTRY_BYTES;
        match &mut map.held {
            Some(held) => held.resize(cost, limits.held_bytes),
            None => http.hold(cost).map(|held| map.held = Some(held)),
        }
        .map_err(HostError::Trap)?;
        let has_room = map.fields.len() < limits.header_count;
        match has_room && map.fields.try_append(name, value).is_ok() {
            true => Ok(()),
            false => Err(HostError::trap(format!(
                "expected at most {} fields, found more",
                limits.header_count
            ))),
        }
    }

    fn remove(&mut self, http: &State, name: &HeaderName) -> Result<()> {
        if self.map.fields.contains_key(name) {
            let map = self.own(http)?;
            map.fields.remove(name);
            map.bytes = bytes(&map.fields);
        }
        Ok(())
    }
}

impl<T: WasiView + 'static> HostFields<T> for Fields {
    fn new(_: &mut T) -> Fields {
        Fields::mutable(Arc::default())
    }

    fn from_list(
        host: &mut T,
        entries: &[(FieldName, FieldValue)],
    ) -> Result<Fields, HostError<HeaderError>> {
        let http = &host.wasi().http;
        let mut fields = Fields::mutable(Arc::default());
        for (name, value) in entries {
            let name = fields.settable(name)?;
            fields.add(http, &name, value)?;
        }
        Ok(fields)
    }

    fn get(&mut self, _: &mut T, name: &str) -> Vec<FieldValue> {
        let values = self.map.fields.get_all(name).iter();
        values.map(|value| value.as_bytes().to_vec()).collect()
    }

    fn has(&mut self, _: &mut T, name: &str) -> bool {
        self.map.fields.contains_key(name)
    }

    fn set(
        &mut self,
        host: &mut T,
        name: &str,
        value: &[FieldValue],
    ) -> Result<(), HostError<HeaderError>> {
        let http = &host.wasi().http;
        let name = self.settable(name)?;
        // What is wrong changes nothing.
        let values = value.iter().map(|value| HeaderValue::from_bytes(value));
        if values.into_iter().any(|value| value.is_err()) {
            return Err(HeaderError::InvalidSyntax.into());
        }
        self.remove(http, &name).map_err(HostError::Trap)?;
        for value in value {
            self.add(http, &name, value)?;
        }
        Ok(())
    }

    fn delete(&mut self, host: &mut T, name: &str) -> Result<(), HostError<HeaderError>> {
        let name = self.settable(name)?;
        let removed = self.remove(&host.wasi().http, &name);
        removed.map_err(HostError::Trap)
    }

    fn append(
        &mut self,
        host: &mut T,
        name: &str,
        value: &[u8],
    ) -> Result<(), HostError<HeaderError>> {
        let http = &host.wasi().http;
        let name = self.settable(name)?;
        self.add(http, &name, value)
    }

    fn entries(&mut self, _: &mut T) -> Vec<(FieldName, FieldValue)> {
        let entries = self.map.fields.iter();
        entries
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    fn clone(&mut self, _: &mut T) -> Fields {
        Fields::mutable(Arc::clone(&self.map))
    }
}
