//! Options of `bindgen!`: an import that can end its guest (`trap`), a type of the host's own in
//! the place of a generated one (`with`), and an export that guests may lack (`optional`).
//!
//! `cargo run --example options`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use linkspan::{Component, Engine, HostError, OrTrap};

linkspan::bindgen!({
    inline: "
        package example:options;

        /// What the host knows of the land.
        interface land {
          record point { x: u32, y: u32 }
          enum fault { outside }
          height: func(at: point) -> result<u32, fault>;
        }

        world rover {
          import land;
          use land.{point, fault};

          /// The height halfway between two points.
          export midway: func(a: point, b: point) -> result<u32, fault>;
          /// Where the way began; the first rovers did not know.
          export home: func() -> point;
        }
    ",
    imports: { "example:options/land.height": trap },
    with: { "example:options/land.point": Place },
    exports: { "home": optional },
});

use example::options::land;

/// The host's own point: the table below says which field of WIT stands in which of ours.
#[derive(Clone, Debug)]
pub struct Place {
    east: u32,
    north: u32,
}

linkspan::record! { Place { "x" => east: u32, "y" => north: u32 } }

/// A map as somebody has typed it.
struct Map(&'static str);

impl land::Host for Map {
    fn height(&mut self, at: Place) -> Result<u32, HostError<land::Fault>> {
        let row = self.0.lines().nth(at.north as usize);
        let cell = row.and_then(|row| row.split(' ').nth(at.east as usize));
        // The guest gets an error of its own and goes on.
        let cell = cell.ok_or(land::Fault::Outside)?;
        // A bad map is none of its business: it ends, and whoever called it learns why.
        cell.parse().or_trap()
    }
}

/// A rover of the first series: it asks the host for the height and passes on the answer.
const GUEST: &str = r#"(component
    (import "example:options/land" (instance $land
        (type $point' (record (field "x" u32) (field "y" u32)))
        (export "point" (type $point (eq $point')))
        (type $fault' (enum "outside"))
        (export "fault" (type $fault (eq $fault')))
        (export "height" (func (param "at" $point) (result (result u32 (error $fault)))))))
    (alias export $land "point" (type $point))
    (alias export $land "fault" (type $fault))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core func $height
        (canon lower (func $land "height") (memory (core memory $memory "memory"))))
    (core module $Main
        (import "land" "height" (func $height (param i32 i32 i32)))
        (func (export "midway") (param $ax i32) (param $ay i32) (param $bx i32) (param $by i32) (result i32)
            (call $height
                (i32.div_u (i32.add (local.get $ax) (local.get $bx)) (i32.const 2))
                (i32.div_u (i32.add (local.get $ay) (local.get $by)) (i32.const 2))
                (i32.const 16))
            (i32.const 16)))
    (core instance $main (instantiate $Main
        (with "land" (instance (export "height" (func $height))))))
    (func (export "midway") (param "a" $point) (param "b" $point) (result (result u32 (error $fault)))
        (canon lift (core func $main "midway") (memory (core memory $memory "memory"))))
)"#;

fn main() -> linkspan::Result<()> {
    let map = Map("1 2 3\n4 5 6\n7 8 nine");
    let rover = Component::new(&Engine::default(), GUEST)?;
    let mut rover = Rover::from_component(&rover, map)?;
    let place = |east, north| Place { east, north };

    let start = place(0, 0);
    println!("midway: {:?}", rover.midway(&start, &place(2, 2))?);
    println!("midway: {:?}", rover.midway(&start, &place(8, 2))?);

    // The function answers an `Option`: this guest has none.
    match rover.home()? {
        Some(home) => println!("home: {} east, {} north", home.east, home.north),
        None => println!("home: unknown"),
    }

    if let Err(error) = rover.midway(&place(2, 2), &place(2, 2)) {
        println!("midway: {error}");
    }
    Ok(())
}
