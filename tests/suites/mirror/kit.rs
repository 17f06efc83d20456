//! What every driver shares: seeded values, their comparison, and the host.
//!
//! This file is part of the package that the suite compiles, beside the
//! bindings of all worlds; they find it in the place of the crate `linkspan`, so
//! that its macros give each generated type a way to be made and to be shown.
//!
//! A call is one round: the driver makes arguments and calls an export, the
//! component calls the import of the same name, the host shows what it got and
//! makes an answer, the driver shows what came back. Values are shown as bytes,
//! because the types of both sides differ; handles are shown as the number of
//! the host's value that they lead to.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

pub use linkspan::*;

use linkspan::bound::Handle;

/// Guest resources that are kept ready for the next call, of each type.
const READY: usize = 64;

/// The host: everything that it knows is in [`STATE`].
#[derive(Debug)]
pub struct Mirror;

/// The host's value of any resource, known by its number.
#[derive(Debug)]
pub struct Thing {
    id: u64,
}

impl Thing {
    fn new() -> Self {
        with(|state| {
            state.things += 1;
            state.last_thing += 1;
            Self {
                id: state.last_thing,
            }
        })
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        // A panic may drop values after the state is gone.
        let _ = STATE.try_with(|state| state.borrow_mut().things -= 1);
    }
}

/// Values as bytes, and the handles in them in order.
#[derive(Debug, Default)]
pub struct Shown {
    bytes: Vec<u8>,
    handles: Vec<Shows>,
}

/// What a handle leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shows {
    /// The host's value.
    Thing(u64),
    /// A place in the host's table.
    Table(u32),
    /// A guest's resource, by what its handle prints.
    Guest(String),
}

#[derive(Default)]
struct State {
    random: u64,
    /// How much more the values that are being made may hold.
    budget: usize,
    /// How many more handles lists in them may hold.
    handles: usize,
    things: i64,
    last_thing: u64,
    /// Places in the host's table for the next call, with what stands there.
    ready: Vec<(u32, u64)>,
    /// Those that the call at hand has got.
    given: Vec<(u32, u64)>,
    /// Those that it has answered: they are the guest's.
    answered: Vec<(u32, u64)>,
    /// Handles of guest resources for the next calls.
    pools: HashMap<TypeId, Vec<Box<dyn Any>>>,
    /// What guest resources hold.
    guests: HashMap<String, u64>,
    /// Handles that were lent to a call and must be closed after it.
    lent: Vec<Box<dyn FnOnce(&mut Store<Mirror>) -> Result<()>>>,
    sent: Shown,
    back: Shown,
    host: Option<(&'static str, Shown, Shown)>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    STATE.with(|state| f(&mut state.borrow_mut()))
}

/// The next number (xorshift).
fn random() -> u64 {
    with(|state| {
        state.random ^= state.random << 13;
        state.random ^= state.random >> 7;
        state.random ^= state.random << 17;
        state.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

/// A number below `end`.
pub fn below(end: usize) -> usize {
    (random() >> 16) as usize % end.max(1)
}

/// The length of a list: mostly short, at times long, never more than there is
/// budget for.
fn length() -> usize {
    let wished = match below(32) {
        0..8 => 0,
        8..30 => below(5) + 1,
        30 => below(40),
        _ => 400,
    };
    with(|state| {
        let length = wished.min(state.budget);
        state.budget -= length;
        length
    })
}

/// A type whose values can be made.
pub trait Seed: Sized {
    /// A value of the current seed.
    fn seed() -> Self;

    /// Hears of a value that lives until the process ends.
    fn kept(&'static self) {}

    /// Keeps the handles of guest resources in it for later calls.
    fn keep(self) {}
}

/// A type whose values can be shown.
pub trait Show {
    /// Shows the value.
    fn show(&self, to: &mut Shown);
}

impl Shown {
    /// Shows the name of a case.
    pub fn case(&mut self, name: &str) {
        name.show(self);
    }

    fn length(&mut self, length: usize) {
        self.bytes.extend((length as u64).to_le_bytes());
    }
}

macro_rules! integers {
    ($($ty:ident)*) => { $(
        impl Seed for $ty {
            fn seed() -> Self {
                match below(8) {
                    0 => Self::MIN,
                    1 => Self::MAX,
                    2 => 0,
                    3 => 1,
                    _ => random() as Self,
                }
            }
        }

        impl Show for $ty {
            fn show(&self, to: &mut Shown) {
                to.bytes.extend(self.to_le_bytes());
            }
        }
    )* };
}
integers!(u8 u16 u32 u64 i8 i16 i32 i64);

macro_rules! floats {
    ($($ty:ident $bits:ident)*) => { $(
        impl Seed for $ty {
            fn seed() -> Self {
                let edges = [0.0, -0.0, 1.0, Self::INFINITY, Self::NEG_INFINITY, Self::NAN,
                    Self::MIN_POSITIVE, Self::MIN_POSITIVE / 2.0, Self::MAX, Self::EPSILON];
                match edges.get(below(20)) {
                    Some(edge) => *edge,
                    None => Self::from_bits(random() as $bits),
                }
            }
        }

        impl Show for $ty {
            fn show(&self, to: &mut Shown) {
                // Which NaN it is may change on the way.
                let value = if self.is_nan() { Self::NAN } else { *self };
                to.bytes.extend(value.to_bits().to_le_bytes());
            }
        }
    )* };
}
floats!(f32 u32 f64 u64);

impl Seed for bool {
    fn seed() -> Self {
        below(2) == 1
    }
}

impl Show for bool {
    fn show(&self, to: &mut Shown) {
        to.bytes.push(u8::from(*self));
    }
}

impl Seed for char {
    fn seed() -> Self {
        let edges = [
            '\0',
            '\u{7f}',
            '\u{80}',
            '\u{7ff}',
            '\u{800}',
            '\u{d7ff}',
            '\u{e000}',
            '\u{ffff}',
            '\u{10000}',
            char::MAX,
            'ß',
            '日',
            '🦀',
        ];
        let edge = edges.get(below(30)).copied();
        let any = || char::from_u32((random() % 0x11_0000) as u32);
        edge.or_else(any).unwrap_or('a')
    }
}

impl Show for char {
    fn show(&self, to: &mut Shown) {
        u32::from(*self).show(to);
    }
}

impl Seed for String {
    fn seed() -> Self {
        (0..length()).map(|_| char::seed()).collect()
    }
}

impl Seed for &'static str {
    fn seed() -> Self {
        String::seed().leak()
    }
}

impl Show for str {
    fn show(&self, to: &mut Shown) {
        to.length(self.len());
        to.bytes.extend(self.as_bytes());
    }
}

impl Show for String {
    fn show(&self, to: &mut Shown) {
        (**self).show(to);
    }
}

impl<T: Seed> Seed for Vec<T> {
    fn seed() -> Self {
        let more = |_: &usize| with(|state| state.handles > 0);
        let length = 0..length();
        length.take_while(more).map(|_| T::seed()).collect()
    }

    fn kept(&'static self) {
        self.iter().for_each(T::kept);
    }

    fn keep(self) {
        self.into_iter().for_each(T::keep);
    }
}

impl<T: Seed> Seed for &'static [T] {
    fn seed() -> Self {
        let all: &'static [T] = Vec::<T>::seed().leak();
        all.iter().for_each(T::kept);
        all
    }
}

impl<T: Seed> Seed for &'static T {
    fn seed() -> Self {
        let one: &'static T = Box::leak(Box::new(T::seed()));
        one.kept();
        one
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, to: &mut Shown) {
        (**self).show(to);
    }
}

impl<T: Show + ?Sized> Show for &mut T {
    fn show(&self, to: &mut Shown) {
        (**self).show(to);
    }
}

impl<T: Show> Show for [T] {
    fn show(&self, to: &mut Shown) {
        to.length(self.len());
        self.iter().for_each(|value| value.show(to));
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self, to: &mut Shown) {
        (**self).show(to);
    }
}

impl<T: Seed, const N: usize> Seed for [T; N] {
    fn seed() -> Self {
        std::array::from_fn(|_| T::seed())
    }

    fn kept(&'static self) {
        self.iter().for_each(T::kept);
    }

    fn keep(self) {
        self.into_iter().for_each(T::keep);
    }
}

impl<T: Show, const N: usize> Show for [T; N] {
    fn show(&self, to: &mut Shown) {
        self.iter().for_each(|value| value.show(to));
    }
}

impl<K: Seed + Ord, V: Seed> Seed for BTreeMap<K, V> {
    fn seed() -> Self {
        (0..length()).map(|_| (K::seed(), V::seed())).collect()
    }
}

impl<K: Show, V: Show> Show for BTreeMap<K, V> {
    fn show(&self, to: &mut Shown) {
        to.length(self.len());
        for (key, value) in self {
            key.show(to);
            value.show(to);
        }
    }
}

impl<T: Seed> Seed for Option<T> {
    fn seed() -> Self {
        bool::seed().then(T::seed)
    }

    fn kept(&'static self) {
        self.iter().for_each(T::kept);
    }

    fn keep(self) {
        self.into_iter().for_each(T::keep);
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, to: &mut Shown) {
        self.is_some().show(to);
        if let Some(value) = self {
            value.show(to);
        }
    }
}

impl<T: Seed, E: Seed> Seed for std::result::Result<T, E> {
    fn seed() -> Self {
        if bool::seed() {
            Ok(T::seed())
        } else {
            Err(E::seed())
        }
    }

    fn keep(self) {
        match self {
            Ok(value) => value.keep(),
            Err(error) => error.keep(),
        }
    }
}

impl<T: Show, E: Show> Show for std::result::Result<T, E> {
    fn show(&self, to: &mut Shown) {
        self.is_ok().show(to);
        match self {
            Ok(value) => value.show(to),
            Err(error) => error.show(to),
        }
    }
}

macro_rules! tuples {
    ($($($T:ident)*;)*) => { $(
        impl<$($T: Seed),*> Seed for ($($T,)*) {
            #[allow(clippy::unused_unit)]
            fn seed() -> Self {
                ($($T::seed(),)*)
            }

            #[allow(non_snake_case, unused_variables)]
            fn keep(self) {
                let ($($T,)*) = self;
                $($T.keep();)*
            }
        }

        impl<$($T: Show),*> Show for ($($T,)*) {
            #[allow(non_snake_case, unused_variables)]
            fn show(&self, to: &mut Shown) {
                let ($($T,)*) = self;
                $($T.show(to);)*
            }
        }
    )* };
}
tuples! {
    ; A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H;
    A B C D E F G H I; A B C D E F G H I J; A B C D E F G H I J K; A B C D E F G H I J K L;
    A B C D E F G H I J K L M; A B C D E F G H I J K L M N; A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
}

impl Seed for Thing {
    fn seed() -> Self {
        Self::new()
    }
}

impl Show for Thing {
    fn show(&self, to: &mut Shown) {
        to.handles.push(Shows::Thing(self.id));
    }
}

impl<T: 'static> Seed for Resource<T> {
    fn seed() -> Self {
        let ready = with(|state| {
            state.handles = state.handles.saturating_sub(1);
            let ready = state.ready.pop();
            state.given.extend(ready);
            ready
        });
        Self::new_own(ready.expect("there are enough values ready").0)
    }
}

impl<T: 'static> Show for Resource<T> {
    fn show(&self, to: &mut Shown) {
        to.handles.push(Shows::Table(self.rep()));
    }
}

impl<T: Handle + Seed> Seed for bound::Borrow<T> {
    fn seed() -> Self {
        Self::of(<&'static T>::seed()).expect("a fresh handle can be lent")
    }
}

/// A handle type whose borrows can be shown.
pub trait ShowLent: Sized {
    /// Shows a borrow.
    fn show_lent(lent: &bound::Borrow<Self>, to: &mut Shown);
}

impl<T: 'static> ShowLent for Resource<T> {
    fn show_lent(lent: &bound::Borrow<Self>, to: &mut Shown) {
        lent.resource().show(to);
    }
}

impl<T: ShowLent> Show for bound::Borrow<T> {
    fn show(&self, to: &mut Shown) {
        T::show_lent(self, to);
    }
}

/// A handle of a guest resource that was made ready.
pub fn ready<T: 'static>() -> T {
    let ready = with(|state| {
        state.handles = state.handles.saturating_sub(1);
        state.pools.get_mut(&TypeId::of::<T>()).and_then(Vec::pop)
    });
    match ready.and_then(|handle| handle.downcast().ok()) {
        Some(handle) => *handle,
        None => std::panic::resume_unwind(Box::new(Missing)),
    }
}

/// No function of the world answers a handle that an argument needs.
struct Missing;

/// Closes a lent handle after the call.
pub fn close_later<T: GuestHandle>(handle: &'static T) {
    with(|state| {
        state.lent.push(Box::new(|store| {
            let any = handle.any(&mut *store)?;
            any.resource_drop(&mut *store)
        }));
    });
}

/// Shows a handle of a guest resource, or a borrow of it: both print a number
/// that is theirs alone.
pub fn show_guest(handle: &impl std::fmt::Debug, to: &mut Shown) {
    let text = format!("{handle:?}");
    let number = text.find("0x").map_or("", |at| &text[at..]);
    let number = number.trim_end_matches(')').to_owned();
    to.handles.push(Shows::Guest(number));
}

/// Keeps a handle for later calls, unless there are enough.
pub fn keep<T: 'static>(handle: T) {
    if !is_ready::<T>() {
        with(|state| {
            let pool = state.pools.entry(TypeId::of::<T>()).or_default();
            pool.push(Box::new(handle));
        });
    }
}

/// Whether enough handles of a type are ready.
pub fn is_ready<T: 'static>() -> bool {
    with(|state| {
        let pool = state.pools.get(&TypeId::of::<T>());
        pool.is_some_and(|pool| pool.len() >= READY)
    })
}

macro_rules! record {
    ($ty:ty { $($name:literal => $field:ident : $fty:ty),+ $(,)? }) => {
        ::linkspan::record! { $ty { $($name => $field: $fty),+ } }

        impl crate::kit::Seed for $ty {
            fn seed() -> Self {
                Self { $($field: crate::kit::Seed::seed()),+ }
            }

            fn keep(self) {
                $(crate::kit::Seed::keep(self.$field);)+
            }
        }

        impl crate::kit::Show for $ty {
            fn show(&self, to: &mut crate::kit::Shown) {
                $(crate::kit::Show::show(&self.$field, to);)+
            }
        }
    };
}
pub(crate) use record;

macro_rules! payload {
    ($value:ident $ty:ty) => {
        $value
    };
}
pub(crate) use payload;

macro_rules! variant {
    ($ty:ty { $($name:literal => $case:ident $(($payload:ty))?),+ $(,)? }) => {
        ::linkspan::variant! { $ty { $($name => $case $(($payload))?),+ } }

        impl crate::kit::Seed for $ty {
            fn seed() -> Self {
                let cases: &[fn() -> Self] =
                    &[$(|| Self::$case $((<$payload as crate::kit::Seed>::seed()))?),+];
                cases[crate::kit::below(cases.len())]()
            }

            fn keep(self) {
                match self {
                    $(Self::$case $((crate::kit::payload!(value $payload)))? => {
                        $(crate::kit::Seed::keep(crate::kit::payload!(value $payload));)?
                    })+
                }
            }
        }

        impl crate::kit::Show for $ty {
            fn show(&self, to: &mut crate::kit::Shown) {
                match self {
                    $(Self::$case $((crate::kit::payload!(value $payload)))? => {
                        to.case($name);
                        $(crate::kit::Show::show(crate::kit::payload!(value $payload), to);)?
                    })+
                }
            }
        }
    };
}
pub(crate) use variant;

macro_rules! enumeration {
    ($ty:ty { $($name:literal => $case:ident),+ $(,)? }) => {
        ::linkspan::enumeration! { $ty { $($name => $case),+ } }

        impl crate::kit::Seed for $ty {
            fn seed() -> Self {
                let cases = [$(Self::$case),+];
                cases[crate::kit::below(cases.len())]
            }
        }

        impl crate::kit::Show for $ty {
            fn show(&self, to: &mut crate::kit::Shown) {
                match self {
                    $(Self::$case => to.case($name),)+
                }
            }
        }
    };
}
pub(crate) use enumeration;

macro_rules! flags {
    ($(#[$meta:meta])* $vis:vis struct $ty:ident { $($body:tt)+ }) => {
        ::linkspan::flags! { $(#[$meta])* $vis struct $ty { $($body)+ } }

        impl crate::kit::Seed for $ty {
            fn seed() -> Self {
                Self::from_bits_truncate(crate::kit::Seed::seed())
            }
        }

        impl crate::kit::Show for $ty {
            fn show(&self, to: &mut crate::kit::Shown) {
                crate::kit::Show::show(&self.bits(), to);
            }
        }
    };
}
pub(crate) use flags;

macro_rules! guest_resource {
    ($ty:ident = $name:literal in $interface:literal $(,)?) => {
        ::linkspan::guest_resource! { $ty = $name in $interface }

        impl crate::kit::Seed for $ty {
            fn seed() -> Self {
                crate::kit::ready()
            }

            fn kept(&'static self) {
                crate::kit::close_later(self);
            }

            fn keep(self) {
                crate::kit::keep(self);
            }
        }

        impl crate::kit::Show for $ty {
            fn show(&self, to: &mut crate::kit::Shown) {
                crate::kit::show_guest(self, to);
            }
        }

        impl crate::kit::ShowLent for $ty {
            fn show_lent(lent: &::linkspan::Borrow<Self>, to: &mut crate::kit::Shown) {
                crate::kit::show_guest(lent, to);
            }
        }
    };
}
pub(crate) use guest_resource;

/// A value of the current seed.
pub fn seed<T: Seed>() -> T {
    T::seed()
}

/// Shows an argument before it is sent.
pub fn sent<T: Show + ?Sized>(value: &T) {
    let mut shown = with(|state| std::mem::take(&mut state.sent));
    value.show(&mut shown);
    with(|state| state.sent = shown);
}

/// Shows what came back.
pub fn back<T: Show + ?Sized>(value: &T) {
    let mut shown = Shown::default();
    value.show(&mut shown);
    with(|state| state.back = shown);
}

/// The host is called.
pub fn enter(name: &'static str) {
    with(|state| {
        assert!(state.host.is_none(), "{name}: the host is called twice");
        state.host = Some((name, Shown::default(), Shown::default()));
    });
}

/// Shows an argument that the host got.
pub fn arg<T: Show + ?Sized>(value: &T) {
    let mut shown = Shown::default();
    value.show(&mut shown);
    with(|state| {
        if let Some((_, args, _)) = &mut state.host {
            args.bytes.append(&mut shown.bytes);
            args.handles.append(&mut shown.handles);
        }
    });
}

/// Makes the host's answer.
pub fn answer<T: Seed + Show>() -> T {
    refill(500);
    let given = with(|state| std::mem::take(&mut state.given));
    let value = T::seed();
    with(|state| state.answered = std::mem::replace(&mut state.given, given));
    let mut shown = Shown::default();
    value.show(&mut shown);
    with(|state| {
        if let Some((_, _, answer)) = &mut state.host {
            *answer = shown;
        }
    });
    value
}

/// Makes the answer of a host that could end its guest, but does not.
pub fn trapping<T: Seed + Show>() -> Result<T> {
    Ok(answer())
}

/// As [`trapping`], for a function whose guest gets errors of its own.
pub fn failing<T: Seed + Show, E: Seed + Show>() -> std::result::Result<T, HostError<E>> {
    answer::<std::result::Result<T, E>>().map_err(HostError::from)
}

/// Lets the next values hold so much.
fn refill(budget: usize) {
    with(|state| {
        state.budget = budget;
        state.handles = READY / 2;
    });
}

/// A function of a driver.
pub type Call<W> = fn(&mut W) -> Result<()>;

/// Calls each function with seeded values, so many times.
///
/// `makers` keep enough handles of guest resources ready. At the end the
/// numbers of rounds and of functions that were called are printed.
pub fn run<W>(
    component: &[u8],
    functions: &[(&'static str, Call<W>)],
    makers: &[(&'static str, Call<W>)],
    times: u32,
) -> Result<()>
where
    W: Bindings<Host = Mirror>,
{
    let component = Component::new(&Engine::default(), component)?;
    let mut app = W::from_component(&component, Mirror)?;
    with(|state| state.random = 0x9e37_79b9_7f4a_7c15);
    let (mut rounds, mut called) = (0, 0);
    for (name, call) in functions {
        let before = rounds;
        for round in 0..times {
            prepare(&mut app, makers)?;
            match one(&mut app, name, *call) {
                Ok(compared) => rounds += u32::from(compared),
                Err(error) => panic!("{name}, round {round}: {error:#}"),
            }
        }
        match rounds > before {
            true => called += 1,
            false => eprintln!("{name}: nothing makes a handle that it needs"),
        }
    }
    finish(&mut app)?;
    println!("{rounds} {called}");
    Ok(())
}

/// Makes values and handles ready for a call.
fn prepare<W: Bindings<Host = Mirror>>(
    app: &mut W,
    makers: &[(&'static str, Call<W>)],
) -> Result<()> {
    stock(app)?;
    // A maker may need handles that another makes; it does nothing once there
    // are enough of its own.
    for _ in 0..READY * 2 {
        let mut made = false;
        for (name, make) in makers {
            for _ in 0..4 {
                stock(app)?;
                refill(20);
                let called = attempt(app, *make)?;
                if !called || with(|state| state.host.is_none()) {
                    break;
                }
                compare(app, name)?;
                made = true;
            }
        }
        if !made {
            break;
        }
    }
    Ok(())
}

/// Puts values into the host's table, for handles of the host.
fn stock<W: Bindings<Host = Mirror>>(app: &mut W) -> Result<()> {
    while with(|state| state.ready.len()) < READY * 2 {
        let thing = Thing::new();
        let id = thing.id;
        let place = app.store().extra_mut().table_mut().push(thing)?;
        with(|state| state.ready.push((place.rep(), id)));
    }
    Ok(())
}

/// Calls a function of a driver; answers whether its arguments could be made.
fn attempt<W: Bindings<Host = Mirror>>(app: &mut W, call: Call<W>) -> Result<bool> {
    let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(app)));
    match called {
        Ok(result) => result.map(|()| true),
        Err(panic) if panic.is::<Missing>() => {
            with(|state| state.sent = Shown::default());
            clean(app).map(|()| false)
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// One round; answers whether the arguments could be made.
fn one<W: Bindings<Host = Mirror>>(app: &mut W, name: &'static str, call: Call<W>) -> Result<bool> {
    refill(500);
    let called = attempt(app, call)?;
    if called {
        compare(app, name)?;
    }
    Ok(called)
}

/// Compares what was sent with what the host got, and what it answered with
/// what came back.
fn compare<W: Bindings<Host = Mirror>>(app: &mut W, name: &'static str) -> Result<()> {
    let (mut sent, mut back) = with(|state| {
        (
            std::mem::take(&mut state.sent),
            std::mem::take(&mut state.back),
        )
    });
    let host = with(|state| state.host.take());
    let (called, mut got, mut answer) = host.unwrap_or_else(|| panic!("{name}: no host is called"));
    assert_eq!(called, name, "another function of the host is called");
    assert_eq!(sent.bytes, got.bytes, "{name}: sent and got");
    assert_eq!(answer.bytes, back.bytes, "{name}: answered and came back");
    // What was made ready is known by its place, wherever it is now.
    for handle in sent.handles.iter_mut().chain(&mut answer.handles) {
        settle_ready(handle);
    }
    for handle in got.handles.iter_mut().chain(&mut back.handles) {
        settle_table(app, handle);
    }
    for (new, of) in back.handles.iter_mut().zip(&answer.handles) {
        if let (Shows::Guest(handle), Shows::Thing(thing)) = (&*new, of) {
            with(|state| state.guests.insert(handle.clone(), *thing));
            *new = of.clone();
        }
    }
    assert_eq!(sent.handles, got.handles, "{name}: handles sent and got");
    assert_eq!(
        answer.handles, back.handles,
        "{name}: handles answered and came back"
    );
    clean(app)
}

fn settle_ready(handle: &mut Shows) {
    with(|state| {
        let thing = match handle {
            Shows::Table(place) => {
                let mut all = state.given.iter().chain(&state.answered);
                let found = all.find(|(at, _)| at == place);
                found.map(|(_, thing)| *thing)
            }
            Shows::Guest(name) => state.guests.remove(name),
            Shows::Thing(_) => None,
        };
        if let Some(thing) = thing {
            *handle = Shows::Thing(thing);
        }
    });
}

/// Looks into the table; values there that nobody holds any more are deleted
/// with all others in [`clean`].
fn settle_table<W: Bindings<Host = Mirror>>(app: &mut W, handle: &mut Shows) {
    if let Shows::Table(place) = handle {
        let place = *place;
        let table = app.store().extra_mut().table_mut();
        if let Ok(thing) = table.get(&Resource::<Thing>::new_borrow(place)) {
            let id = thing.id;
            with(|state| state.given.push((place, id)));
            *handle = Shows::Thing(id);
        }
    }
}

/// Removes what the call left to the driver.
fn clean<W: Bindings<Host = Mirror>>(app: &mut W) -> Result<()> {
    for close in with(|state| std::mem::take(&mut state.lent)) {
        close(app.store())?;
    }
    // What a guest's resource holds goes with it.
    GuestResource::drop_pending(app.store())?;
    for (place, _) in with(|state| std::mem::take(&mut state.given)) {
        // It is gone if who owned it was passed on.
        let table = app.store().extra_mut().table_mut();
        let _ = table.delete(Resource::<Thing>::new_own(place));
    }
    Ok(())
}

/// Checks that nothing is left over.
fn finish<W: Bindings<Host = Mirror>>(app: &mut W) -> Result<()> {
    drop(with(|state| std::mem::take(&mut state.pools)));
    GuestResource::drop_pending(app.store())?;
    for (place, _) in with(|state| std::mem::take(&mut state.ready)) {
        let table = app.store().extra_mut().table_mut();
        table.delete(Resource::<Thing>::new_own(place))?;
    }
    let left = app.store().extra_mut().table_mut().len();
    assert_eq!(left, 0, "values are left in the host's table");
    let things = with(|state| state.things);
    assert_eq!(things, 0, "values of the host are left");
    Ok(())
}
