//! Options at work on the functions of resources: one guest, which passes on
//! what it gets, and a host for each set of options.

use std::sync::Arc;

use linkspan::{
    Bindings, Borrow, Component, Engine, ErrorKind, GuestResource, HostError, HostValues, Linker,
    Resource, StoreContextMut,
};
use wit_parser::Resolve;

use super::{Lost, component};

/// The WIT of the bindings below.
const WIT: &str = include_str!("../../wit/net.wit");

/// The guest for the world `twins` in `wit`.
fn guest(wit: &str) -> Component {
    let mut resolve = Resolve::new();
    let package = resolve.push_str("net.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("twins")).unwrap();
    let bytes = component::build(&resolve, world).unwrap();
    Component::new(&Engine::default(), bytes).unwrap()
}

/// The value of a resource; who holds one is counted.
#[derive(Debug)]
pub struct Socket {
    name: String,
    _alive: Arc<()>,
}

/// Makes values, and counts them.
#[derive(Default)]
struct Sockets(Arc<()>);

impl Sockets {
    fn make(&self, name: impl Into<String>) -> Socket {
        Socket {
            name: name.into(),
            _alive: Arc::clone(&self.0),
        }
    }

    fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// What each host answers to data.
fn sent(data: &[u8]) -> Result<u32, String> {
    match data {
        [] => Err("nothing".to_owned()),
        data => Ok(data.iter().map(|byte| u32::from(*byte)).sum()),
    }
}

/// Calls each function of the resource, which does the same for each host, and
/// answers the guest and one connection.
macro_rules! calls {
    ($options:ident, $host:expr) => {{
        use $options::exports::test::net::net::Conn;
        let mut app = $options::Twins::from_component(&guest(WIT), $host).unwrap();
        let a = Conn::new(&mut app, "a".into()).unwrap();
        let b = Conn::open(&mut app, "b".into()).unwrap().unwrap();
        assert_eq!(a.name(&mut app).unwrap(), "a");
        assert_eq!(a.send(&mut app, b"ab".as_slice().into()).unwrap(), Ok(195));
        let none: &[u8] = &[];
        assert_eq!(
            a.send(&mut app, none.into()).unwrap(),
            Err("nothing".to_owned())
        );
        assert_eq!(Conn::open(&mut app, "".into()).unwrap().unwrap_err(), 7);
        assert_eq!(a.join(&mut app, &b).unwrap(), "a+b");
        assert_eq!(app.host().sockets.alive(), 2);
        assert_eq!(a.eat(&mut app, b).unwrap(), "a<b");
        assert_eq!(app.host().sockets.alive(), 1, "what was passed on is gone");
        (app, a)
    }};
}

/// Drops a handle, and checks that the host's value goes with it.
macro_rules! gone {
    ($app:ident, $conns:expr) => {
        drop($conns);
        GuestResource::drop_pending($app.store()).unwrap();
        assert_eq!($app.host().sockets.alive(), 0);
    };
}

mod user {
    linkspan::bindgen!({
        path: "wit/net.wit",
        with: { "test:net/net.conn": super::Socket },
    });
}

mod shared {
    linkspan::bindgen!({
        path: "wit/net.wit",
        with: {
            "test:net/net": super::user::test::net::net,
            "test:net/net.conn": super::Socket,
        },
    });
}

/// The host of the bindings `user`, and with them of `shared`.
#[derive(Default)]
struct User {
    sockets: Sockets,
}

impl user::test::net::net::Host for User {
    fn mark(&mut self, c: &Socket, tag: user::test::net::net::Tag) -> user::test::net::net::Tag {
        user::test::net::net::Tag {
            text: c.name.clone() + &tag.text,
            ..tag
        }
    }
}

impl user::test::net::net::HostConn<User> for Socket {
    fn new(host: &mut User, name: &str) -> Self {
        host.sockets.make(name)
    }

    fn name(&mut self, _: &mut User) -> String {
        self.name.clone()
    }

    fn send(&mut self, _: &mut User, data: &[u8]) -> Result<u32, String> {
        sent(data)
    }

    fn join(&mut self, _: &mut User, other: &Socket) -> String {
        format!("{}+{}", self.name, other.name)
    }

    fn eat(&mut self, _: &mut User, other: Socket) -> String {
        format!("{}<{}", self.name, other.name)
    }

    fn open(host: &mut User, name: &str) -> Result<Socket, u32> {
        match name {
            "" => Err(7),
            name => Ok(host.sockets.make(name)),
        }
    }

    fn all(host: &mut User, names: &[&str]) -> Vec<Socket> {
        names.iter().map(|name| host.sockets.make(*name)).collect()
    }
}

impl user::TwinsImports for User {
    fn run(&mut self) -> u32 {
        1
    }
}

impl shared::TwinsImports for User {
    fn run(&mut self) -> u32 {
        2
    }
}

#[test]
fn values_of_a_resource_have_the_users_type() {
    use user::exports::test::net::net::{Conn, Tag};
    let (mut app, a) = calls!(user, User::default());
    let more = Conn::all(&mut app, &["x", "y"]).unwrap();
    assert_eq!(more[1].name(&mut app).unwrap(), "y");
    let tag = Tag {
        text: "!".to_owned(),
        size: 3,
    };
    let marked = app.net().mark(&a, &tag).unwrap();
    assert_eq!((&*marked.text, marked.size), ("a!", 3));
    gone!(app, (a, more));
}

#[test]
fn a_module_of_the_user_stands_for_an_interface() {
    use shared::exports::test::net::net::Tag;
    let (mut app, a) = calls!(shared, User::default());
    assert_eq!(app.run().unwrap(), 2);
    let tag = Tag {
        text: "?".to_owned(),
        size: 4,
    };
    let marked = app.net().mark(&a, &tag).unwrap();
    assert_eq!((&*marked.text, marked.size), ("a?", 4));
    gone!(app, a);
}

#[test]
fn one_module_links_its_interface_for_both_bindings() {
    let component = guest(WIT);
    let mut linker = Linker::new(component.engine());
    user::Twins::link(&mut linker).unwrap();
    let error = shared::Twins::<User>::link(&mut linker).unwrap_err();
    assert!(error.to_string().contains("run"), "{error}");
}

mod stored {
    linkspan::bindgen!({
        path: "wit/net.wit",
        imports: {
            default: store,
            "test:net/net.conn.*": trap | store,
            "test:net/net.conn.name": store,
            "test:net/net.conn.all": store,
        },
    });
}

/// The host whose functions have the store.
#[derive(Default)]
struct Stored {
    sockets: Sockets,
    /// How many functions were called.
    calls: u32,
}

use stored::test::net::net::{Conn as StoredConn, Tag as StoredTag};

/// A value that stands in the store, once a call has been counted.
fn put(
    store: &mut StoreContextMut<'_, Stored>,
    name: String,
) -> linkspan::Result<Resource<StoredConn>> {
    let host = store.data_mut();
    host.calls += 1;
    let socket = host.sockets.make(name);
    store.push_value(socket)
}

impl stored::test::net::net::Host for Stored {
    type Conn = Socket;

    fn mark(
        mut store: StoreContextMut<'_, Self>,
        c: Borrow<Resource<StoredConn>>,
        tag: StoredTag,
    ) -> StoredTag {
        store.data_mut().calls += 1;
        let socket = store.value(&c.resource()).unwrap();
        socket.name += &tag.text;
        StoredTag {
            text: socket.name.clone(),
            ..tag
        }
    }
}

impl stored::test::net::net::HostConn<Stored> for Socket {
    fn new(
        mut store: StoreContextMut<'_, Stored>,
        name: String,
    ) -> linkspan::Result<Resource<StoredConn>> {
        put(&mut store, name)
    }

    fn name(mut store: StoreContextMut<'_, Stored>, this: Borrow<Resource<StoredConn>>) -> String {
        store.data_mut().calls += 1;
        store.value(&this.resource()).unwrap().name.clone()
    }

    fn send(
        mut store: StoreContextMut<'_, Stored>,
        this: Borrow<Resource<StoredConn>>,
        data: Vec<u8>,
    ) -> Result<u32, HostError<String>> {
        store.value(&this.resource()).map_err(HostError::trap)?;
        sent(&data).map_err(HostError::from)
    }

    fn join(
        mut store: StoreContextMut<'_, Stored>,
        this: Borrow<Resource<StoredConn>>,
        other: Borrow<Resource<StoredConn>>,
    ) -> linkspan::Result<String> {
        let name = store.value(&this.resource())?.name.clone();
        Ok(format!("{name}+{}", store.value(&other.resource())?.name))
    }

    fn eat(
        mut store: StoreContextMut<'_, Stored>,
        this: Borrow<Resource<StoredConn>>,
        other: Resource<StoredConn>,
    ) -> linkspan::Result<String> {
        let other = store.take_value(other)?;
        Ok(format!(
            "{}<{}",
            store.value(&this.resource())?.name,
            other.name
        ))
    }

    fn open(
        mut store: StoreContextMut<'_, Stored>,
        name: String,
    ) -> Result<Resource<StoredConn>, HostError<u32>> {
        match &*name {
            "" => Err(7.into()),
            "lost" => Err(HostError::trap(Lost)),
            _ => put(&mut store, name).map_err(HostError::trap),
        }
    }

    fn all(
        mut store: StoreContextMut<'_, Stored>,
        names: Vec<String>,
    ) -> Vec<Resource<StoredConn>> {
        let put = |name| put(&mut store, name).unwrap();
        names.into_iter().map(put).collect()
    }
}

impl stored::TwinsImports for Stored {
    fn run(store: StoreContextMut<'_, Self>) -> u32 {
        store.data().calls
    }
}

#[test]
fn functions_of_a_resource_may_have_the_store() {
    use stored::exports::test::net::net::{Conn, Tag};
    let (mut app, a) = calls!(stored, Stored::default());
    assert_eq!(app.run().unwrap(), 3, "new, open and name are counted");
    let same = a.join(&mut app, &a).unwrap();
    assert_eq!(
        same, "a+a",
        "no value is in use while a function has the store"
    );
    let more = Conn::all(&mut app, &["x", "y"]).unwrap();
    assert_eq!(more[1].name(&mut app).unwrap(), "y");
    let tag = Tag {
        text: "!".to_owned(),
        size: 3,
    };
    assert_eq!(app.net().mark(&a, &tag).unwrap().text, "a!");
    assert_eq!(
        a.name(&mut app).unwrap(),
        "a!",
        "the value was changed in its place"
    );
    gone!(app, (a, more));
}

#[test]
fn a_static_function_with_the_store_may_trap() {
    use stored::exports::test::net::net::Conn;
    let mut app = stored::Twins::from_component(&guest(WIT), Stored::default()).unwrap();
    let error = Conn::open(&mut app, "lost").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert_eq!(error.downcast_ref(), Some(&Lost));
}

mod trapping {
    linkspan::bindgen!({ path: "wit/net.wit", imports: { default: trap } });
}

/// The host whose functions may trap.
#[derive(Default)]
struct Trapping {
    sockets: Sockets,
}

impl Trapping {
    /// The values with the name `lost` cannot be made.
    fn make(&self, name: &str) -> linkspan::Result<Socket> {
        match name {
            "lost" => Err(linkspan::Error::host(Lost)),
            name => Ok(self.sockets.make(name)),
        }
    }
}

impl trapping::test::net::net::Host for Trapping {
    type Conn = Socket;

    fn mark(
        &mut self,
        _: &Socket,
        _: trapping::test::net::net::Tag,
    ) -> linkspan::Result<trapping::test::net::net::Tag> {
        Err(linkspan::Error::host(Lost))
    }
}

impl trapping::test::net::net::HostConn<Trapping> for Socket {
    fn new(host: &mut Trapping, name: &str) -> linkspan::Result<Self> {
        host.make(name)
    }

    fn name(&mut self, _: &mut Trapping) -> linkspan::Result<String> {
        match &*self.name {
            "nameless" => Err(linkspan::Error::host(Lost)),
            name => Ok(name.to_owned()),
        }
    }

    fn send(&mut self, _: &mut Trapping, data: &[u8]) -> Result<u32, HostError<String>> {
        match data {
            b"lost" => Err(HostError::trap(Lost)),
            data => sent(data).map_err(HostError::from),
        }
    }

    fn join(&mut self, _: &mut Trapping, other: &Socket) -> linkspan::Result<String> {
        Ok(format!("{}+{}", self.name, other.name))
    }

    fn eat(&mut self, _: &mut Trapping, other: Socket) -> linkspan::Result<String> {
        match &*other.name {
            "lost" => Err(linkspan::Error::host(Lost)),
            name => Ok(format!("{}<{name}", self.name)),
        }
    }

    fn open(host: &mut Trapping, name: &str) -> Result<Socket, HostError<u32>> {
        match name {
            "" => Err(7.into()),
            name => host.make(name).map_err(HostError::trap),
        }
    }

    fn all(host: &mut Trapping, names: &[&str]) -> linkspan::Result<Vec<Socket>> {
        names.iter().map(|name| host.make(name)).collect()
    }
}

impl trapping::TwinsImports for Trapping {
    fn run(&mut self) -> linkspan::Result<u32> {
        Ok(1)
    }
}

#[test]
fn functions_of_a_resource_may_trap() {
    use trapping::exports::test::net::net::{Conn, Tag};
    type App = trapping::Twins<Trapping>;
    let (mut app, a) = calls!(trapping, Trapping::default());
    let more = Conn::all(&mut app, &["x", "y"]).unwrap();
    assert_eq!(more[1].name(&mut app).unwrap(), "y");
    gone!(app, (a, more));

    let traps: [fn(&mut App) -> linkspan::Result<()>; 6] = [
        |app| Conn::new(app, "lost").map(drop),
        |app| Conn::open(app, "lost").map(drop),
        // What was made before the error is gone, too.
        |app| Conn::all(app, &["x", "y", "lost"]).map(drop),
        |app| Conn::new(app, "nameless")?.name(app).map(drop),
        |app| Conn::new(app, "a")?.send(app, b"lost").map(drop),
        |app| {
            let a = Conn::new(app, "a")?;
            let tag = Tag {
                text: String::new(),
                size: 0,
            };
            app.net().mark(&a, &tag).map(drop)
        },
    ];
    for (number, trap) in traps.iter().enumerate() {
        let mut app = App::from_component(&guest(WIT), Trapping::default()).unwrap();
        let error = trap(&mut app).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Lost), "{number}: {error:#}");
        let sockets = Arc::clone(&app.host().sockets.0);
        assert!(app.run().is_err(), "{number}: the guest has trapped");
        drop(app);
        assert_eq!(Arc::strong_count(&sockets), 1, "{number}: nothing leaks");
    }
}

mod owned {
    linkspan::bindgen!({ path: "wit/net.wit", borrow: none });
}

/// The host whose functions own what they take.
#[derive(Default)]
struct Owning {
    sockets: Sockets,
    data: Vec<Vec<u8>>,
}

impl owned::test::net::net::Host for Owning {
    type Conn = Socket;

    fn mark(
        &mut self,
        c: &Socket,
        mut tag: owned::test::net::net::Tag,
    ) -> owned::test::net::net::Tag {
        tag.text.insert_str(0, &c.name);
        tag
    }
}

impl owned::test::net::net::HostConn<Owning> for Socket {
    fn new(host: &mut Owning, name: String) -> Self {
        host.sockets.make(name)
    }

    fn name(&mut self, _: &mut Owning) -> String {
        self.name.clone()
    }

    fn send(&mut self, host: &mut Owning, data: Vec<u8>) -> Result<u32, String> {
        let result = sent(&data);
        host.data.push(data);
        result
    }

    fn join(&mut self, _: &mut Owning, other: &Socket) -> String {
        format!("{}+{}", self.name, other.name)
    }

    fn eat(&mut self, _: &mut Owning, other: Socket) -> String {
        format!("{}<{}", self.name, other.name)
    }

    fn open(host: &mut Owning, name: String) -> Result<Socket, u32> {
        match name.is_empty() {
            true => Err(7),
            false => Ok(host.sockets.make(name)),
        }
    }

    fn all(host: &mut Owning, names: Vec<String>) -> Vec<Socket> {
        let make = |name| host.sockets.make(name);
        names.into_iter().map(make).collect()
    }
}

impl owned::TwinsImports for Owning {
    fn run(&mut self) -> u32 {
        1
    }
}

#[test]
fn functions_may_own_what_they_take() {
    use owned::exports::test::net::net::{Conn, Tag};
    let (mut app, a) = calls!(owned, Owning::default());
    assert_eq!(app.host().data, [b"ab".as_slice(), b""]);
    let names = vec!["x".to_owned(), "y".to_owned()];
    let more = Conn::all(&mut app, names).unwrap();
    assert_eq!(more[1].name(&mut app).unwrap(), "y");
    let tag = Tag {
        text: "!".to_owned(),
        size: 3,
    };
    assert_eq!(app.net().mark(&a, tag).unwrap().text, "a!");
    gone!(app, (a, more));
}

mod optional {
    linkspan::bindgen!({
        path: "wit/net.wit",
        with: {
            "test:net/net": super::user::test::net::net,
            "test:net/net.conn": super::Socket,
        },
        exports: {
            "test:net/net.conn.send": optional,
            "test:net/net.conn.open": optional,
            "test:net/net.mark": optional,
        },
    });
}

impl optional::TwinsImports for User {
    fn run(&mut self) -> u32 {
        3
    }
}

mod whole {
    linkspan::bindgen!({
        path: "wit/net.wit",
        with: {
            "test:net/net": super::user::test::net::net,
            "test:net/net.conn": super::Socket,
        },
        exports: { "test:net/net": optional },
    });
}

impl whole::TwinsImports for User {
    fn run(&mut self) -> u32 {
        4
    }
}

/// The WIT of a guest that lacks each line with one of these words.
fn without(words: &[&str]) -> String {
    let lacks = |line: &&str| !words.iter().any(|word| line.contains(word));
    let lines: Vec<&str> = WIT.lines().filter(lacks).collect();
    lines.join("\n")
}

#[test]
fn a_guest_may_lack_functions_of_a_resource() {
    use optional::exports::test::net::net::{Conn, Tag};
    let tag = Tag {
        text: "!".to_owned(),
        size: 3,
    };
    let mut rich = optional::Twins::from_component(&guest(WIT), User::default()).unwrap();
    let a = Conn::open(&mut rich, "a").unwrap().unwrap().unwrap();
    assert_eq!(a.send(&mut rich, b"ab").unwrap(), Some(Ok(195)));
    assert_eq!(rich.net().mark(&a, &tag).unwrap().unwrap().text, "a!");
    gone!(rich, a);

    let poor = guest(&without(&["send:", "open:", "mark:"]));
    let mut poor = optional::Twins::from_component(&poor, User::default()).unwrap();
    assert!(Conn::open(&mut poor, "a").unwrap().is_none());
    let a = Conn::new(&mut poor, "a").unwrap();
    assert_eq!(a.name(&mut poor).unwrap(), "a");
    assert_eq!(a.send(&mut poor, b"ab").unwrap(), None);
    assert!(poor.net().mark(&a, &tag).unwrap().is_none());
    gone!(poor, a);

    let poorer = guest(&without(&["send:", "join:"]));
    let error = optional::Twins::from_component(&poorer, User::default())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("join"), "{error}");
}

#[test]
fn a_guest_may_lack_an_interface_with_a_resource() {
    use whole::exports::test::net::net::Conn;
    let mut rich = whole::Twins::from_component(&guest(WIT), User::default()).unwrap();
    assert!(rich.net().is_some());
    let a = Conn::new(&mut rich, "a").unwrap();
    assert_eq!(a.name(&mut rich).unwrap(), "a");
    gone!(rich, a);

    let poor = guest(&without(&["import net;", "export net;"]));
    let mut poor = whole::Twins::from_component(&poor, User::default()).unwrap();
    assert!(poor.net().is_none());
    assert_eq!(poor.run().unwrap(), 4);
    let error = Conn::new(&mut poor, "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("lacks"), "{error}");
}
