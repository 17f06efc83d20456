//! The macros with which generated code, or a person, teaches a Rust type its
//! WIT shape: one line a field. What they expand to compiles under
//! `forbid(unsafe_code)`.
//!
//! Names on the left are WIT names. Generics and lifetimes are not supported:
//! WIT has none.

/// Implements [`ComponentType`](crate::ComponentType), [`Lift`](crate::Lift) and
/// [`Lower`](crate::Lower) for a struct that is a WIT record.
///
/// A list of a struct of numbers is lifted as one copy if the fields lie as the
/// canonical ABI puts them. Rust may order them otherwise; `#[repr(C)]` keeps them
/// in order. In such a copy a NaN keeps its bits.
///
/// # Examples
/// ```
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct Request { pub url: String, pub max_size: Option<u32> }
/// linkspan_canon_abi::record!(Request {
///     "url" => url: String,
///     "max-size" => max_size: Option<u32>,
/// });
/// ```
#[macro_export]
macro_rules! record {
    ($ty:ty { $($name:literal => $field:ident : $fty:ty),+ $(,)? }) => {
        impl $crate::ComponentType for $ty {
            const ABI: $crate::hidden::Abi =
                $crate::hidden::Abi::record(&[$(<$fty as $crate::ComponentType>::ABI),+]);

            fn describe(
                types: &mut $crate::TypeTable,
            ) -> $crate::Result<::core::option::Option<$crate::ValType>> {
                let fields = [$(($name, $crate::value_type::<$fty>(types)?)),+];
                types.describe_record(&fields)
            }
        }

        impl $crate::Lower for $ty {
            #[inline]
            fn lower_flat<__G: $crate::Guest>(
                &self,
                cx: &mut $crate::LowerContext<__G>,
                mut slots: &mut [u64],
            ) -> $crate::Result<()> {
                $($crate::__within!(
                    $crate::Lower::lower_flat(
                        &self.$field,
                        cx,
                        $crate::hidden::take_mut(&mut slots, <$fty as $crate::ComponentType>::ABI),
                    ),
                    within_name($name)
                );)+
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn store<__G: $crate::Guest>(
                &self,
                cx: &mut $crate::LowerContext<__G>,
                at: usize,
            ) -> $crate::Result<()> {
                if const { <Self as $crate::ComponentType>::ABI.plain } {
                    let size = <Self as $crate::ComponentType>::ABI.size(cx.pointer());
                    $crate::Lower::write(self, cx.bytes_at(at, size)?);
                    return ::core::result::Result::Ok(());
                }
                let mut cursor = $crate::hidden::Cursor::new(at, cx.pointer());
                $($crate::__within!(
                    $crate::Lower::store(
                        &self.$field,
                        cx,
                        cursor.field(<$fty as $crate::ComponentType>::ABI),
                    ),
                    within_name($name)
                );)+
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn write(&self, bytes: &mut [u8]) {
                let mut cursor = $crate::hidden::Cursor::new(0, $crate::PointerSize::P32);
                $($crate::Lower::write(
                    &self.$field,
                    cursor.write(bytes, <$fty as $crate::ComponentType>::ABI),
                );)+
            }
        }

        impl $crate::Lift for $ty {
            type Lifted<'a> = Self;
            type Slice<'a> = ::std::vec::Vec<Self>;

            $crate::__same_bytes!($($field: $fty),+);

            #[inline]
            fn lift_flat<'a, __H: $crate::Handles>(
                cx: &mut $crate::LiftContext<'a, __H>,
                mut slots: &[u64],
            ) -> $crate::Result<Self> {
                ::core::result::Result::Ok(Self {
                    $($field: $crate::__within!(
                        <$fty as $crate::Lift>::lift_flat(
                            cx,
                            $crate::hidden::take(&mut slots, <$fty as $crate::ComponentType>::ABI),
                        ),
                        within_name($name)
                    ),)+
                })
            }

            #[inline]
            fn load<'a, __H: $crate::Handles>(
                cx: &mut $crate::LiftContext<'a, __H>,
                bytes: &'a [u8],
            ) -> $crate::Result<Self> {
                let mut cursor = $crate::hidden::Cursor::new(0, cx.pointer());
                ::core::result::Result::Ok(Self {
                    $($field: $crate::__within!(
                        <$fty as $crate::Lift>::load(
                            cx,
                            cursor.read(bytes, <$fty as $crate::ComponentType>::ABI),
                        ),
                        within_name($name)
                    ),)+
                })
            }

            #[inline]
            fn read(bytes: &[u8]) -> ::core::option::Option<Self> {
                let mut cursor = $crate::hidden::Cursor::new(0, $crate::PointerSize::P32);
                ::core::option::Option::Some(Self {
                    $($field: <$fty as $crate::Lift>::read(
                        cursor.read(bytes, <$fty as $crate::ComponentType>::ABI),
                    )?,)+
                })
            }

            $crate::__owned_slice!();
        }
    };
}

/// Implements the traits for an enum that is a WIT variant: cases are unit-like
/// or hold one payload.
///
/// # Examples
/// ```
/// #[derive(Clone, Debug, PartialEq)]
/// pub enum Body { Empty, Text(String), Bytes(Vec<u8>) }
/// linkspan_canon_abi::variant!(Body {
///     "empty" => Empty,
///     "text" => Text(String),
///     "bytes" => Bytes(Vec<u8>),
/// });
/// ```
#[macro_export]
macro_rules! variant {
    ($ty:ty { $($name:literal => $case:ident $(($payload:ty))?),+ $(,)? }) => {
        const _: () = {
            const CASES: &[$crate::hidden::Abi] =
                &[$(<$crate::__payload_type!($($payload)?) as $crate::ComponentType>::ABI),+];
            const OFFSETS: [usize; 2] = $crate::hidden::Abi::payload_offsets(CASES);

            /// Numbers the cases.
            enum __CaseIndex { $($case),+ }

            impl $crate::ComponentType for $ty {
                const ABI: $crate::hidden::Abi = $crate::hidden::Abi::variant(CASES);

                fn describe(
                    types: &mut $crate::TypeTable,
                ) -> $crate::Result<::core::option::Option<$crate::ValType>> {
                    let cases = [$((
                        $name,
                        <$crate::__payload_type!($($payload)?) as $crate::ComponentType>
                            ::describe(types)?,
                    )),+];
                    types.describe_variant(&cases)
                }
            }

            impl $crate::Lower for $ty {
                #[inline]
                fn lower_flat<__G: $crate::Guest>(
                    &self,
                    cx: &mut $crate::LowerContext<__G>,
                    slots: &mut [u64],
                ) -> $crate::Result<()> {
                    match self {
                        $($crate::__case_pattern!($case payload $($payload)?) => {
                            $crate::__within!(
                                $crate::hidden::lower_case(
                                    cx,
                                    slots,
                                    __CaseIndex::$case as u32,
                                    $crate::__case_payload!(payload $($payload)?),
                                ),
                                within_name($name)
                            );
                        })+
                    }
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn store<__G: $crate::Guest>(
                    &self,
                    cx: &mut $crate::LowerContext<__G>,
                    at: usize,
                ) -> $crate::Result<()> {
                    match self {
                        $($crate::__case_pattern!($case payload $($payload)?) => {
                            $crate::__within!(
                                $crate::hidden::store_case(
                                    cx,
                                    at,
                                    __CaseIndex::$case as u32,
                                    CASES.len(),
                                    OFFSETS,
                                    $crate::__case_payload!(payload $($payload)?),
                                ),
                                within_name($name)
                            );
                        })+
                    }
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn write(&self, bytes: &mut [u8]) {
                    match self {
                        $($crate::__case_pattern!($case payload $($payload)?) => {
                            $crate::hidden::write_case(
                                bytes,
                                __CaseIndex::$case as u32,
                                CASES.len(),
                                OFFSETS,
                                $crate::__case_payload!(payload $($payload)?),
                            );
                        })+
                    }
                }
            }

            impl $crate::Lift for $ty {
                type Lifted<'a> = Self;
                type Slice<'a> = ::std::vec::Vec<Self>;

                #[inline]
                fn lift_flat<'a, __H: $crate::Handles>(
                    cx: &mut $crate::LiftContext<'a, __H>,
                    slots: &[u64],
                ) -> $crate::Result<Self> {
                    let case = slots[0] as u32;
                    $(if case == __CaseIndex::$case as u32 {
                        let payload = $crate::__within!(
                            <$crate::__payload_type!($($payload)?) as $crate::Lift>::lift_flat(
                                cx,
                                $crate::hidden::case_slots::<$crate::__payload_type!($($payload)?)>(
                                    slots,
                                ),
                            ),
                            within_name($name)
                        );
                        return ::core::result::Result::Ok(
                            $crate::__case_make!($case payload $($payload)?),
                        );
                    })+
                    ::core::result::Result::Err(
                        $crate::hidden::invalid_discriminant(case, CASES.len() as u32),
                    )
                }

                #[inline]
                fn load<'a, __H: $crate::Handles>(
                    cx: &mut $crate::LiftContext<'a, __H>,
                    bytes: &'a [u8],
                ) -> $crate::Result<Self> {
                    let case = $crate::hidden::read_discriminant(bytes, CASES.len());
                    $(if case == __CaseIndex::$case as u32 {
                        let range = $crate::hidden::case_bytes::<
                            $crate::__payload_type!($($payload)?),
                            __H,
                        >(cx, bytes, OFFSETS);
                        let payload = $crate::__within!(
                            <$crate::__payload_type!($($payload)?) as $crate::Lift>::load(
                                cx,
                                &bytes[range],
                            ),
                            within_name($name)
                        );
                        return ::core::result::Result::Ok(
                            $crate::__case_make!($case payload $($payload)?),
                        );
                    })+
                    ::core::result::Result::Err(
                        $crate::hidden::invalid_discriminant(case, CASES.len() as u32),
                    )
                }

                $crate::__owned_slice!();
            }
        };
    };
}

/// Implements the traits for an enum without payloads that is a WIT enum.
///
/// # Examples
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// pub enum Level { Debug, Info }
/// linkspan_canon_abi::enumeration!(Level { "debug" => Debug, "info" => Info });
/// ```
#[macro_export]
macro_rules! enumeration {
    ($ty:ty { $($name:literal => $case:ident),+ $(,)? }) => {
        const _: () = {
            const CASES: usize = [$($name),+].len();

            /// Numbers the cases.
            enum __CaseIndex { $($case),+ }

            impl $crate::ComponentType for $ty {
                const ABI: $crate::hidden::Abi =
                    $crate::hidden::Abi::variant(&[$crate::hidden::Abi::UNIT; CASES]);

                fn describe(
                    types: &mut $crate::TypeTable,
                ) -> $crate::Result<::core::option::Option<$crate::ValType>> {
                    types.describe_enumeration(&[$($name),+])
                }
            }

            #[inline]
            fn index(value: &$ty) -> u32 {
                match value {
                    $(<$ty>::$case => __CaseIndex::$case as u32,)+
                }
            }

            #[inline]
            fn case(index: u32) -> $crate::Result<$ty> {
                $(if index == __CaseIndex::$case as u32 {
                    return ::core::result::Result::Ok(<$ty>::$case);
                })+
                ::core::result::Result::Err(
                    $crate::hidden::invalid_discriminant(index, CASES as u32),
                )
            }

            impl $crate::Lower for $ty {
                #[inline]
                fn lower_flat<__G: $crate::Guest>(
                    &self,
                    _: &mut $crate::LowerContext<__G>,
                    slots: &mut [u64],
                ) -> $crate::Result<()> {
                    slots[0] = ::core::convert::From::from(index(self));
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn store<__G: $crate::Guest>(
                    &self,
                    cx: &mut $crate::LowerContext<__G>,
                    at: usize,
                ) -> $crate::Result<()> {
                    let size = <Self as $crate::ComponentType>::ABI.size(cx.pointer());
                    $crate::Lower::write(self, cx.bytes_at(at, size)?);
                    ::core::result::Result::Ok(())
                }

                #[inline]
                fn write(&self, bytes: &mut [u8]) {
                    $crate::hidden::write_discriminant(bytes, index(self), CASES);
                }
            }

            impl $crate::Lift for $ty {
                type Lifted<'a> = Self;
                type Slice<'a> = ::std::vec::Vec<Self>;

                #[inline]
                fn lift_flat<'a, __H: $crate::Handles>(
                    _: &mut $crate::LiftContext<'a, __H>,
                    slots: &[u64],
                ) -> $crate::Result<Self> {
                    case(slots[0] as u32)
                }

                #[inline]
                fn load<'a, __H: $crate::Handles>(
                    _: &mut $crate::LiftContext<'a, __H>,
                    bytes: &'a [u8],
                ) -> $crate::Result<Self> {
                    case($crate::hidden::read_discriminant(bytes, CASES))
                }

                $crate::__owned_slice!();
            }
        };
    };
}

/// Defines a flags type and implements the traits for it: a set of bits, with a
/// constant for each flag.
///
/// # Examples
/// ```
/// linkspan_canon_abi::flags! {
///     /// What one may do.
///     pub struct Perms {
///         /// Look.
///         "read" => READ,
///         /// Touch.
///         "write" => WRITE,
///     }
/// }
/// let both = Perms::READ | Perms::WRITE;
/// assert!(both.contains(Perms::READ));
/// assert_eq!(format!("{both:?}"), "READ|WRITE");
/// assert_eq!(both.iter().count(), 2);
/// ```
#[macro_export]
macro_rules! flags {
    (
        $(#[$meta:meta])*
        $vis:vis struct $ty:ident {
            $($(#[$flag_meta:meta])* $name:literal => $flag:ident),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $ty(u32);

        $crate::__flag_constants!($ty, $vis, 0, $($(#[$flag_meta])* $flag,)+);

        impl $ty {
            const __NAMES: &[&str] = &[$(::core::stringify!($flag)),+];

            /// No flag.
            $vis const fn empty() -> Self {
                Self(0)
            }

            /// Every flag.
            $vis const fn all() -> Self {
                Self($crate::hidden::flags_mask(Self::__NAMES.len()))
            }

            /// The bits, the first flag lowest.
            $vis const fn bits(self) -> u32 {
                self.0
            }

            /// The flags of these bits; bits of no flag are dropped.
            $vis const fn from_bits_truncate(bits: u32) -> Self {
                Self(bits & Self::all().0)
            }

            /// Whether no flag is set.
            $vis const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether every flag of `other` is set.
            $vis const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Sets the flags of `other`.
            $vis const fn insert(&mut self, other: Self) {
                self.0 |= other.0;
            }

            /// Clears the flags of `other`.
            $vis const fn remove(&mut self, other: Self) {
                self.0 &= !other.0;
            }

            /// The flags that are set, one by one.
            $vis fn iter(self) -> impl ::core::iter::Iterator<Item = Self> {
                (0..Self::__NAMES.len())
                    .map(|i| Self(1 << i))
                    .filter(move |flag| self.contains(*flag))
            }
        }

        impl ::core::fmt::Debug for $ty {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::hidden::debug_flags(f, self.0, Self::__NAMES)
            }
        }

        impl ::core::ops::BitOr for $ty {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl ::core::ops::BitOrAssign for $ty {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl ::core::ops::BitAnd for $ty {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl ::core::ops::Sub for $ty {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl ::core::ops::Not for $ty {
            type Output = Self;

            fn not(self) -> Self {
                Self::from_bits_truncate(!self.0)
            }
        }

        impl $crate::ComponentType for $ty {
            const ABI: $crate::hidden::Abi = $crate::hidden::Abi::flags(Self::__NAMES.len());

            fn describe(
                types: &mut $crate::TypeTable,
            ) -> $crate::Result<::core::option::Option<$crate::ValType>> {
                types.describe_flags(&[$($name),+])
            }
        }

        impl $crate::Lower for $ty {
            #[inline]
            fn lower_flat<__G: $crate::Guest>(
                &self,
                _: &mut $crate::LowerContext<__G>,
                slots: &mut [u64],
            ) -> $crate::Result<()> {
                slots[0] = ::core::convert::From::from(self.0);
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn store<__G: $crate::Guest>(
                &self,
                cx: &mut $crate::LowerContext<__G>,
                at: usize,
            ) -> $crate::Result<()> {
                let size = <Self as $crate::ComponentType>::ABI.size(cx.pointer());
                $crate::Lower::write(self, cx.bytes_at(at, size)?);
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn write(&self, bytes: &mut [u8]) {
                $crate::hidden::write_flags(bytes, self.0, Self::__NAMES.len());
            }
        }

        impl $crate::Lift for $ty {
            type Lifted<'a> = Self;
            type Slice<'a> = ::std::vec::Vec<Self>;

            #[inline]
            fn lift_flat<'a, __H: $crate::Handles>(
                _: &mut $crate::LiftContext<'a, __H>,
                slots: &[u64],
            ) -> $crate::Result<Self> {
                ::core::result::Result::Ok(Self::from_bits_truncate(slots[0] as u32))
            }

            #[inline]
            fn load<'a, __H: $crate::Handles>(
                _: &mut $crate::LiftContext<'a, __H>,
                bytes: &'a [u8],
            ) -> $crate::Result<Self> {
                let bits = $crate::hidden::read_flags(bytes, Self::__NAMES.len());
                ::core::result::Result::Ok(Self::from_bits_truncate(bits))
            }

            #[inline]
            fn read(bytes: &[u8]) -> ::core::option::Option<Self> {
                let bits = $crate::hidden::read_flags(bytes, Self::__NAMES.len());
                ::core::option::Option::Some(Self::from_bits_truncate(bits))
            }

            $crate::__owned_slice!();
        }
    };
}

/// A list of a type that owns its parts lifts to a `Vec`.
#[doc(hidden)]
#[macro_export]
macro_rules! __owned_slice {
    () => {
        fn load_slice<'a, __H: $crate::Handles>(
            cx: &mut $crate::LiftContext<'a, __H>,
            bytes: &'a [u8],
        ) -> $crate::Result<::std::vec::Vec<Self>> {
            <Self as $crate::Lift>::load_list(cx, bytes)
        }
    };
}

/// The value of a result, or a return with its error, which gets a step of its
/// path. A `match`, since neither a closure nor what takes one should be compiled for
/// each field of each type: it is what the hosts of large worlds wait for.
#[doc(hidden)]
#[macro_export]
macro_rules! __within {
    ($result:expr, $within:ident($step:expr)) => {
        match $result {
            ::core::result::Result::Ok(value) => value,
            ::core::result::Result::Err(error) => {
                return ::core::result::Result::Err(error.$within($step));
            }
        }
    };
}

/// The payload type of a case: `()` if it has none.
#[doc(hidden)]
#[macro_export]
macro_rules! __payload_type {
    () => {
        ()
    };
    ($payload:ty) => {
        $payload
    };
}

/// The pattern of a case.
#[doc(hidden)]
#[macro_export]
macro_rules! __case_pattern {
    ($case:ident $name:ident) => {
        Self::$case
    };
    ($case:ident $name:ident $payload:ty) => {
        Self::$case($name)
    };
}

/// The payload that the pattern binds.
#[doc(hidden)]
#[macro_export]
macro_rules! __case_payload {
    ($name:ident) => {
        &()
    };
    ($name:ident $payload:ty) => {
        $name
    };
}

/// Makes a case of its payload.
#[doc(hidden)]
#[macro_export]
macro_rules! __case_make {
    ($case:ident $name:ident) => {{
        let () = $name;
        Self::$case
    }};
    ($case:ident $name:ident $payload:ty) => {
        Self::$case($name)
    };
}

/// The constants of a flags type, bit by bit.
#[doc(hidden)]
#[macro_export]
macro_rules! __flag_constants {
    ($ty:ident, $vis:vis, $bit:expr,) => {};
    ($ty:ident, $vis:vis, $bit:expr, $(#[$meta:meta])* $flag:ident, $($rest:tt)*) => {
        impl $ty {
            $(#[$meta])*
            $vis const $flag: Self = Self(1 << $bit);
        }
        $crate::__flag_constants!($ty, $vis, $bit + 1, $($rest)*);
    };
}
