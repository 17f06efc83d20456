//! Headers and trailers: the resource `fields`.
//!
//! Names have small letters, as everywhere in the crate `http`. What belongs to a
//! connection and not to a message is forbidden: guests can neither see nor set it.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use linkspan::HostError;

use super::bindings::wasi::http::types::{FieldName, FieldValue, HeaderError, HostFields};
use super::limits::HttpLimits;
use crate::ctx::WasiView;

/// Headers or trailers: the value of the resource `fields`.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    map: Arc<HeaderMap>,
    /// Bytes of all names and values.
    bytes: usize,
    is_immutable: bool,
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
    pub(super) fn immutable(map: Arc<HeaderMap>) -> Fields {
        Fields {
            bytes: bytes(&map),
            map,
            is_immutable: true,
        }
    }

    pub(super) fn into_shared(self) -> Arc<HeaderMap> {
        self.map
    }

    pub(super) fn into_map(self) -> HeaderMap {
        Arc::unwrap_or_clone(self.map)
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
        limits: &HttpLimits,
        name: &HeaderName,
        value: &[u8],
    ) -> Result<(), HostError<HeaderError>> {
        let value = HeaderValue::from_bytes(value).map_err(|_| HeaderError::InvalidSyntax)?;
        self.bytes += name.as_str().len() + value.len();
        let HttpLimits {
            header_bytes,
            header_count,
            ..
        } = *limits;
        if self.bytes > header_bytes {
            return Err(HostError::trap(format!(
                "expected at most {header_bytes} bytes of fields, found {}",
                self.bytes
            )));
        }
        let map = Arc::make_mut(&mut self.map);
        let added = map.len() < header_count && map.try_append(name, value).is_ok();
        added.then_some(()).ok_or_else(|| {
            HostError::trap(format!(
                "expected at most {header_count} fields, found more"
            ))
        })
    }

    fn remove(&mut self, name: &HeaderName) {
        if self.map.contains_key(name) {
            let map = Arc::make_mut(&mut self.map);
            map.remove(name);
            self.bytes = bytes(map);
        }
    }
}

impl<T: WasiView + 'static> HostFields<T> for Fields {
    fn new(_: &mut T) -> Fields {
        Fields::default()
    }

    fn from_list(
        host: &mut T,
        entries: &[(FieldName, FieldValue)],
    ) -> Result<Fields, HostError<HeaderError>> {
        let limits = host.wasi().http.limits();
        let mut fields = Fields::default();
        for (name, value) in entries {
            let name = fields.settable(name)?;
            fields.add(&limits, &name, value)?;
        }
        Ok(fields)
    }

    fn get(&mut self, _: &mut T, name: &str) -> Vec<FieldValue> {
        let values = self.map.get_all(name).iter();
        values.map(|value| value.as_bytes().to_vec()).collect()
    }

    fn has(&mut self, _: &mut T, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn set(
        &mut self,
        host: &mut T,
        name: &str,
        value: &[FieldValue],
    ) -> Result<(), HostError<HeaderError>> {
        let limits = host.wasi().http.limits();
        let name = self.settable(name)?;
        // What is wrong changes nothing.
        let values = value.iter().map(|value| HeaderValue::from_bytes(value));
        if values.into_iter().any(|value| value.is_err()) {
            return Err(HeaderError::InvalidSyntax.into());
        }
        self.remove(&name);
        for value in value {
            self.add(&limits, &name, value)?;
        }
        Ok(())
    }

    fn delete(&mut self, _: &mut T, name: &str) -> Result<(), HeaderError> {
        let name = self.settable(name)?;
        self.remove(&name);
        Ok(())
    }

    fn append(
        &mut self,
        host: &mut T,
        name: &str,
        value: &[u8],
    ) -> Result<(), HostError<HeaderError>> {
        let limits = host.wasi().http.limits();
        let name = self.settable(name)?;
        self.add(&limits, &name, value)
    }

    fn entries(&mut self, _: &mut T) -> Vec<(FieldName, FieldValue)> {
        let entries = self.map.iter();
        entries
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    fn clone(&mut self, _: &mut T) -> Fields {
        Fields {
            is_immutable: false,
            ..Clone::clone(self)
        }
    }
}
