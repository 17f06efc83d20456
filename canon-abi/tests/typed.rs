//! Typed values: against dynamic ones in every encoding and pointer size, as
//! parameters of host functions that borrow, and with what may go wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Debug;

use common::{FakeGuest, agree, all_options};
use linkspan_canon_abi::program::Programs;
use linkspan_canon_abi::value::List;
use linkspan_canon_abi::{
    Comparison, ComponentType, Error, FuncType, Guest, Handles, Lift, LiftContext, LiftOwned,
    Lower, LowerContext, NoHandles, Options, Params, PointerSize, ResourceTypeId, Result, Scratch,
    Trap, TypeTable, Val, ValType, call, enumeration, flags, record, value_type, variant,
};

#[derive(Clone, Debug, PartialEq)]
struct Everything {
    flag: bool,
    small: i8,
    text: String,
    wide: u64,
    letter: char,
    level: Level,
    perms: Perms,
    body: Body,
    pairs: Vec<(String, Option<u16>)>,
    outcome: std::result::Result<f64, Box<Point>>,
    nothing: std::result::Result<(), ()>,
}

record!(Everything {
    "flag" => flag: bool,
    "small" => small: i8,
    "text" => text: String,
    "wide" => wide: u64,
    "letter" => letter: char,
    "level" => level: Level,
    "perms" => perms: Perms,
    "body" => body: Body,
    "pairs" => pairs: Vec<(String, Option<u16>)>,
    "outcome" => outcome: std::result::Result<f64, Box<Point>>,
    "nothing" => nothing: std::result::Result<(), ()>,
});

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    x: u8,
    y: f32,
}

record!(Point { "x" => x: u8, "y" => y: f32 });

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Empty,
    Text(String),
    Bytes(Vec<u8>),
    Points(Vec<Point>),
}

variant!(Body {
    "empty" => Empty,
    "text" => Text(String),
    "bytes" => Bytes(Vec<u8>),
    "points" => Points(Vec<Point>),
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Debug,
    Info,
    Error,
}

enumeration!(Level { "debug" => Debug, "info" => Info, "error" => Error });

flags! {
    /// Nine flags: two bytes.
    pub(crate) struct Perms {
        "a" => A, "b" => B, "c" => C, "d" => D, "e" => E, "f" => F, "g" => G, "h" => H,
        "last-one" => LAST_ONE,
    }
}

fn everything() -> Everything {
    Everything {
        flag: true,
        small: -3,
        text: "grüße ☃".into(),
        wide: u64::MAX - 1,
        letter: '🎉',
        level: Level::Error,
        perms: Perms::B | Perms::LAST_ONE,
        body: Body::Points(vec![
            Point { x: 1, y: 0.5 },
            Point {
                x: 2,
                y: f32::INFINITY,
            },
        ]),
        pairs: vec![("ä".into(), Some(7)), (String::new(), None)],
        outcome: Err(Box::new(Point { x: 9, y: -0.0 })),
        nothing: Ok(()),
    }
}

fn dynamic() -> Val {
    let some = |value| Val::Option(Some(Box::new(value)));
    let point = |x: u8, y: f32| Val::Record([Val::from(x), Val::from(y)].into());
    let pair = |text: &str, n| Val::Tuple([Val::from(text), n].into());
    Val::Record(
        [
            Val::from(true),
            Val::from(-3_i8),
            Val::from("grüße ☃"),
            Val::from(u64::MAX - 1),
            Val::from('🎉'),
            Val::Enum(2),
            Val::Flags(0b1_0000_0010),
            Val::Variant(
                3,
                Some(Box::new(Val::from(vec![
                    point(1, 0.5),
                    point(2, f32::INFINITY),
                ]))),
            ),
            Val::from(vec![
                pair("ä", some(Val::from(7_u16))),
                pair("", Val::Option(None)),
            ]),
            Val::Result(Err(Some(Box::new(point(9, -0.0))))),
            Val::Result(Ok(None)),
        ]
        .into(),
    )
}

#[test]
fn typed_and_dynamic_agree() {
    for options in all_options() {
        agree(&everything(), &dynamic(), options);
        agree(&7_u32, &Val::from(7_u32), options);
        agree(&vec![1.5_f64, 2.5], &Val::from(vec![1.5_f64, 2.5]), options);
        agree(
            &vec![true, false],
            &Val::from(vec![Val::from(true), Val::from(false)]),
            options,
        );
        agree(
            &Some(Level::Info),
            &Val::Option(Some(Box::new(Val::Enum(1)))),
            options,
        );
        agree(&Body::Empty, &Val::Variant(0, None), options);
        agree(
            &Body::Text("ab".into()),
            &Val::Variant(1, Some(Box::new(Val::from("ab")))),
            options,
        );
        agree(&Perms::all(), &Val::Flags(0x1ff), options);
    }
}

#[test]
fn many_parameters_spill() {
    type P<'a> = (
        u8,
        u64,
        &'a str,
        (u32, u32, u32, u32),
        (u8, u8, u8, u8),
        (u8, u8, u8, u8, u8),
    );
    let params: P<'_> = (
        1,
        2,
        "three",
        (4, 5, 6, 7),
        (8, 9, 10, 11),
        (12, 13, 14, 15, 16),
    );
    assert_eq!(call::param_slots::<P<'_>>(), 1);
    for options in all_options() {
        let mut guest = FakeGuest::new(1000, 40, options);
        let mut window = [0; 1];
        call::lower_params(&mut guest.lower(), &params, &mut window).unwrap();
        let scratch = Scratch::new();
        let mut cx = guest.lift(&scratch);
        let back = call::lift_params::<P<'static>, _>(&mut cx, &window).unwrap();
        assert_eq!(back, params);
        let error = call::lift_params::<P<'static>, _>(&mut cx, &[41]).unwrap_err();
        assert_eq!(
            error.trap(),
            Some(&Trap::Unaligned {
                pointer: 41,
                alignment: 8
            })
        );
    }
}

/// What a component crate does for an import: lift with a marker type, call a
/// plain function, lower what it answers.
fn import<H, P, R>(
    host: &mut H,
    guest: &mut FakeGuest,
    window: &mut [u64],
    function: fn(&mut H, P::Lifted<'_>) -> R,
) -> Result<()>
where
    P: Lift + Params,
    R: Lower,
{
    let scratch = Scratch::new();
    let args = call::lift_params::<P, _>(&mut guest.lift(&scratch), window)?;
    let result = function(host, args);
    call::lower_result(
        &mut guest.lower(),
        &result,
        window,
        call::lifted_param_slots::<P>(),
    )
}

#[derive(Default)]
struct Host {
    seen: Vec<String>,
}

fn note(host: &mut Host, (name, count): (&str, u32)) -> u32 {
    host.seen.push(format!("{name}*{count}"));
    host.seen.len() as u32
}

fn sum(host: &mut Host, (bytes, words, names): (&[u8], &[u32], Vec<&str>)) -> String {
    let total: u32 = bytes
        .iter()
        .map(|b| u32::from(*b))
        .chain(words.iter().copied())
        .sum();
    host.seen.push(names.concat());
    format!("{total} {}", names.join("+"))
}

fn classify(
    _: &mut Host,
    (level, body): (Level, Option<Body>),
) -> std::result::Result<Level, String> {
    match body {
        Some(Body::Text(text)) => Err(text),
        _ => Ok(level),
    }
}

#[test]
fn host_functions_borrow_from_guest_memory() {
    for options in all_options() {
        let mut host = Host::default();
        let mut guest = FakeGuest::new(4000, 64, options);
        let mut window = [0; 8];
        call::lower_params(&mut guest.lower(), &("grüße", 3_u32), &mut window).unwrap();
        import::<Host, (&'static str, u32), u32>(&mut host, &mut guest, &mut window, note).unwrap();
        assert_eq!(
            (window[0], host.seen.as_slice()),
            (1, &["grüße*3".to_owned()][..])
        );

        let params = (&[1_u8, 2][..], &[1000_u32, 2000][..], ["a", "☃"].as_slice());
        call::lower_params(&mut guest.lower(), &params, &mut window).unwrap();
        window[6] = 8;
        import::<Host, (&'static [u8], &'static [u32], Vec<&'static str>), String>(
            &mut host,
            &mut guest,
            &mut window,
            sum,
        )
        .unwrap();
        let scratch = Scratch::new();
        let text = call::lift_result::<String, _>(&mut guest.lift(&scratch), &[8]).unwrap();
        assert_eq!(text, "3003 a+☃");

        let params = (Level::Debug, Some(Body::Text("no".into())));
        call::lower_params(&mut guest.lower(), &params, &mut window).unwrap();
        window[5] = 8;
        import::<Host, (Level, Option<Body>), std::result::Result<Level, String>>(
            &mut host,
            &mut guest,
            &mut window,
            classify,
        )
        .unwrap();
        type Answer = std::result::Result<Level, String>;
        let answer = call::lift_result::<Answer, _>(&mut guest.lift(&scratch), &[8]).unwrap();
        assert_eq!(answer, Err("no".into()));
    }
}

/// As `import`, for any function: items and closures, by their own types.
fn import_any<H, P, R, F>(host: &mut H, guest: &mut FakeGuest, window: &mut [u64], function: F)
where
    P: Lift + Params,
    R: Lower,
    F: for<'a> Fn(&mut H, P::Lifted<'a>) -> R,
{
    let scratch = Scratch::new();
    let args = call::lift_params::<P, _>(&mut guest.lift(&scratch), window).unwrap();
    let result = function(host, args);
    call::lower_result(
        &mut guest.lower(),
        &result,
        window,
        call::lifted_param_slots::<P>(),
    )
    .unwrap();
}

#[test]
fn items_and_closures_serve_alike() {
    type P = (&'static str, u32);
    let mut host = Host::default();
    let mut guest = FakeGuest::new(256, 64, Options::default());
    let mut window = [0; 3];
    call::lower_params(&mut guest.lower(), &("ab", 3_u32), &mut window).unwrap();
    let params = window;
    import_any::<Host, P, u32, _>(&mut host, &mut guest, &mut window, note);
    assert_eq!((window[0], host.seen.len()), (1, 1));
    window = params;
    let scale = 10;
    let closure = |host: &mut Host, (text, n): (&str, u32)| {
        host.seen.push(text.to_owned());
        text.len() as u32 * n * scale
    };
    import_any::<Host, P, u32, _>(&mut host, &mut guest, &mut window, closure);
    assert_eq!((window[0], host.seen.len()), (60, 2));
    window = params;
    import_any::<Host, P, bool, _>(&mut host, &mut guest, &mut window, |_, (text, _)| {
        text.is_empty()
    });
    assert_eq!(window[0], 0);
}

/// Bytes and UTF-8 really are borrowed.
#[test]
fn utf8_and_bytes_are_not_copied() {
    let mut guest = FakeGuest::new(256, 64, Options::default());
    let mut window = [0; 4];
    call::lower_params(&mut guest.lower(), &("text", &b"bytes"[..]), &mut window).unwrap();
    let range = guest.memory.as_ptr_range();
    let scratch = Scratch::new();
    let mut cx = guest.lift(&scratch);
    let (text, bytes) =
        call::lift_params::<(&'static str, &'static [u8]), _>(&mut cx, &window).unwrap();
    assert!(range.contains(&text.as_ptr()) && range.contains(&bytes.as_ptr()));
    assert_eq!((text, bytes), ("text", &b"bytes"[..]));
}

#[test]
fn a_guest_may_be_dyn() {
    let mut guest = FakeGuest::new(256, 64, Options::default());
    let mut window = [0; 4];
    {
        let guest: &mut dyn Guest<Handles = common::CallHandles> = &mut guest;
        let mut cx = LowerContext::new(guest, Options::default());
        call::lower_params(&mut cx, &("dyn", 1_u8), &mut window).unwrap();
    }
    let (memory, handles) = guest.parts();
    let handles: &mut dyn Handles = handles;
    let scratch = Scratch::new();
    let mut cx = LiftContext::new(memory, handles, &scratch, Options::default());
    let lifted = call::lift_params::<(String, u8), _>(&mut cx, &window).unwrap();
    assert_eq!(lifted, ("dyn".to_owned(), 1));
}

fn lift_flat<T: LiftOwned>(window: &[u64], memory: &[u8]) -> Result<T> {
    let scratch = Scratch::new();
    let mut cx = LiftContext::new(memory, NoHandles, &scratch, Options::default());
    call::lift_params::<(T,), _>(&mut cx, window).map(|(value,)| value)
}

#[test]
fn readers_ignore_what_is_not_theirs() {
    let dirty = 0xdead_beef_0000_0000;
    assert_eq!(lift_flat::<u8>(&[dirty | 0xfff], &[]).unwrap(), 0xff);
    assert_eq!(lift_flat::<i16>(&[dirty | 0x1_ffff], &[]).unwrap(), -1);
    assert!(!lift_flat::<bool>(&[dirty], &[]).unwrap());
    assert!(lift_flat::<bool>(&[0x100], &[]).unwrap());
    assert_eq!(lift_flat::<Perms>(&[u64::MAX], &[]).unwrap(), Perms::all());
    assert_eq!(
        lift_flat::<f32>(&[dirty | 0x7fa0_0001], &[])
            .unwrap()
            .to_bits(),
        0x7fc0_0000
    );
    assert_eq!(
        lift_flat::<f64>(&[u64::MAX], &[]).unwrap().to_bits(),
        0x7ff8_0000_0000_0000
    );
}

#[test]
fn traps_say_where() {
    let text = |error: Error| error.to_string();
    let error = lift_flat::<Vec<(u8, char)>>(
        &[0, 2],
        &[0, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0xd8, 0, 0],
    );
    assert_eq!(
        text(error.unwrap_err()),
        "0[1].1: invalid `char` bit pattern: 0xd800"
    );
    let error = lift_flat::<Level>(&[3], &[]);
    assert_eq!(
        text(error.unwrap_err()),
        "0: invalid variant discriminant: 3, there are 3 cases"
    );
    let error = lift_flat::<Option<Body>>(&[1, 1, 0, 1], &[0xff]);
    assert_eq!(
        text(error.unwrap_err()),
        "0.some.text: invalid utf-8 sequence from index 0"
    );
    let error = lift_flat::<String>(&[0, 1], &[0xc3]);
    assert_eq!(
        text(error.unwrap_err()),
        "0: incomplete utf-8 byte sequence from index 0"
    );
    let error = lift_flat::<String>(&[1, 1], &[0]);
    assert!(text(error.unwrap_err()).contains("string pointer/length out of bounds of memory"));
    let error = lift_flat::<Vec<u32>>(&[0, 1 << 30], &[0]);
    assert!(text(error.unwrap_err()).contains("longer than the limit of 268435455 bytes"));
    let error = lift_flat::<String>(&[0, 1 << 28], &[0]);
    assert!(text(error.unwrap_err()).contains("longer than the limit of 268435455 bytes"));
}

/// A guest whose `realloc` answers what it is told to.
struct Stubborn {
    memory: [u8; 64],
    answer: u64,
    handles: NoHandles,
}

impl Guest for Stubborn {
    type Handles = NoHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn parts(&mut self) -> (&[u8], &mut NoHandles) {
        (&self.memory, &mut self.handles)
    }

    fn realloc(&mut self, _: u64, _: u64, _: u32, _: u64) -> Result<u64> {
        Ok(self.answer)
    }
}

#[test]
fn answers_of_realloc_are_checked() {
    let lower = |answer, list: &[u32]| {
        let guest = Stubborn {
            memory: [0; 64],
            answer,
            handles: NoHandles,
        };
        let mut cx = LowerContext::new(guest, Options::default());
        call::lower_params(&mut cx, &(list,), &mut [0; 2]).map_err(|error| error.to_string())
    };
    let beyond = "realloc return: beyond end of memory";
    assert!(lower(60, &[1, 2]).unwrap_err().contains(beyond));
    assert!(lower(0xffff_fffc, &[]).unwrap_err().contains(beyond));
    assert!(lower(u64::MAX - 3, &[1]).unwrap_err().contains(beyond));
    let aligned = "realloc return: result not aligned";
    assert!(lower(0xffff_ffff, &[1, 2]).unwrap_err().contains(aligned));
    lower(56, &[1, 2]).unwrap();
    lower(64, &[]).unwrap();
}

#[test]
fn a_call_lifts_within_its_budget() {
    // A list of lists that all name the same bytes.
    let mut memory = vec![0; 4096];
    for pair in memory[..2048].chunks_exact_mut(8) {
        pair[4..].copy_from_slice(&4096_u32.to_le_bytes());
    }
    let scratch = Scratch::new();
    let mut cx =
        LiftContext::new(&memory, NoHandles, &scratch, Options::default()).with_budget(100_000);
    let error = call::lift_params::<(Vec<Vec<u8>>,), _>(&mut cx, &[0, 256]).unwrap_err();
    assert_eq!(
        error.trap(),
        Some(&Trap::LiftBudgetExceeded {
            budget_bytes: 100_000
        })
    );
}

/// A resource handle of typed code, as another crate would define it.
struct Own<T> {
    rep: u64,
    marker: std::marker::PhantomData<T>,
}

struct Socket;

impl<T: 'static> ComponentType for Own<T> {
    const ABI: linkspan_canon_abi::traits::Abi = linkspan_canon_abi::traits::Abi::HANDLE;

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        let resource = types.host_resource::<T>();
        types.own(resource).map(Some)
    }
}

impl<T: 'static> Lower for Own<T> {
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        let handles = cx.handles();
        let resource = handles.resource_type(std::any::TypeId::of::<T>())?;
        slots[0] = u64::from(handles.lower_own(resource, self.rep)?);
        Ok(())
    }

    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        let mut slot = [0];
        self.lower_flat(cx, &mut slot)?;
        (slot[0] as u32).store(cx, at)
    }
}

impl<T: 'static> Lift for Own<T> {
    type Lifted<'a> = Self;
    type Slice<'a> = Vec<Self>;

    fn lift_flat<'a, H: Handles>(cx: &mut LiftContext<'a, H>, slots: &[u64]) -> Result<Self> {
        let handles = cx.handles();
        let resource = handles.resource_type(std::any::TypeId::of::<T>())?;
        let rep = handles.lift_own(resource, slots[0] as u32)?;
        Ok(Self {
            rep,
            marker: std::marker::PhantomData,
        })
    }

    fn load<'a, H: Handles>(cx: &mut LiftContext<'a, H>, bytes: &'a [u8]) -> Result<Self> {
        let index = u32::load(cx, bytes)?;
        Self::lift_flat(cx, &[u64::from(index)])
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Vec<Self>> {
        Self::load_list(cx, bytes)
    }
}

#[test]
fn handles_come_from_other_crates() {
    let resource = ResourceTypeId::host(4);
    let mut guest = FakeGuest::new(256, 64, Options::default());
    guest
        .handles
        .named
        .push((std::any::TypeId::of::<Socket>(), resource));
    let sockets: Vec<Own<Socket>> = [70, 80]
        .map(|rep| Own {
            rep,
            marker: std::marker::PhantomData,
        })
        .into();
    let mut window = [0; 4];
    call::lower_params(&mut guest.lower(), &(&sockets, "name"), &mut window).unwrap();
    let scratch = Scratch::new();
    let mut cx = guest.lift(&scratch);
    let (sockets, name) =
        call::lift_params::<(Vec<Own<Socket>>, &'static str), _>(&mut cx, &window).unwrap();
    assert_eq!((sockets[0].rep, sockets[1].rep, name), (70, 80, "name"));
    let again = call::lift_params::<(Vec<Own<Socket>>,), _>(&mut cx, &window).map(|_| ());
    assert!(
        again
            .unwrap_err()
            .to_string()
            .starts_with("0[0]: unknown handle index")
    );
}

#[test]
fn signatures_are_compared_once() {
    let mut component = TypeTable::new();
    let bytes = component.list(ValType::U8).unwrap();
    let own = component.own(ResourceTypeId(3)).unwrap();
    let func = FuncType::new([("data", bytes), ("socket", own)], Some(ValType::U32));
    let mut host = TypeTable::new();
    let params = <(&'static [u8], Own<Socket>)>::describe_params(&mut host).unwrap();
    let result = u32::describe(&mut host).unwrap();
    let key = |types: &TypeTable, r| types.host_resource_key(r);
    let tables = host.clone();
    let mut same = |_, found| key(&tables, found) == Some(std::any::TypeId::of::<Socket>());
    Comparison::new(&component, &host, &mut same)
        .signature(&func, &params, result)
        .unwrap();
    let error = Comparison::new(&component, &host, &mut |_, _| false)
        .signature(&func, &params, result)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "socket: expected own<resource 3>, found own<typed::Socket>"
    );
    assert!(value_type::<Vec<()>>(&mut host).is_err());
}

/// Names that the expansion of the macros could take for its own.
mod names {
    use super::{enumeration, flags, record, variant};

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct G {
        pub(crate) cx: u8,
        pub(crate) slots: Vec<H>,
    }
    record!(G { "cx" => cx: u8, "slots" => slots: Vec<H> });

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum H {
        Ok,
        Some(Index),
        Self_(Option<String>),
    }
    variant!(H { "ok" => Ok, "some" => Some(Index), "self" => Self_(Option<String>) });

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Index {
        CaseIndex,
    }
    enumeration!(Index { "case-index" => CaseIndex });

    flags! {
        pub(crate) struct Flags {
            "names" => NAMES, "all" => ALL,
        }
    }
}

#[test]
fn macros_keep_to_themselves() {
    use names::{Flags, G, H, Index};
    let text = |text| Val::Option(Some(Box::new(Val::from(text))));
    let typed = G {
        cx: 1,
        slots: vec![H::Ok, H::Some(Index::CaseIndex), H::Self_(Some("x".into()))],
    };
    let cases = vec![
        Val::Variant(0, None),
        Val::Variant(1, Some(Box::new(Val::Enum(0)))),
        Val::Variant(2, Some(Box::new(text("x")))),
    ];
    let value = Val::Record([Val::from(1_u8), Val::from(cases)].into());
    agree(&typed, &value, Options::default());
    agree(&Flags::NAMES, &Val::Flags(1), Options::default());
    assert_eq!(
        format!("{:?} {:?}", Flags::all() - Flags::NAMES, Flags::empty()),
        "ALL (empty)"
    );
}

#[test]
fn lists_of_scalars_are_columns() {
    let mut types = TypeTable::new();
    let ty = types.list(ValType::U16).unwrap();
    let program = Programs::new()
        .values(&types, &[ty], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut guest = FakeGuest::new(64, 8, Options::default());
    let mut window = [0; 2];
    call::lower_params(&mut guest.lower(), &(vec![1_u16, 2],), &mut window).unwrap();
    let scratch = Scratch::new();
    let values = program
        .lift_params(&mut guest.lift(&scratch), &window)
        .unwrap();
    assert!(matches!(&values[..], [Val::List(List::U16(list))] if **list == [1, 2]));
}
