//! The heap against a model, with types and roots made for the purpose.

use super::arena::UNIT_BYTES;
use super::heap::{Attempt, Heap, Refusal};
use super::{Bump, GcZeal};
use crate::types::TypeId;
use crate::types::rtt::{
    HOST_SLOT_OFFSET, HOST_TYPE, Rtt, RttKind, Shape, Storage, array_size_bytes, fields_shape,
};

const PAIR: u32 = 2;
const BYTES: u32 = 3;
const REFS: u32 = 4;

/// A heap with its types, its roots, and a generator of numbers.
struct World {
    heap: Heap,
    bump: Bump,
    rtts: Vec<Rtt>,
    roots: Vec<u32>,
    bytes_max: u64,
    seed: u64,
}

impl World {
    fn new(zeal: GcZeal) -> World {
        let rtt = |id: u32, kind, shape| Rtt::new(TypeId(id), kind, &[], shape);
        // Two references and an i32.
        let pair = fields_shape(4, &[Storage::Ref, Storage::Ref, Storage::I32]).unwrap();
        let array = |element| Shape::Array { element };
        World {
            heap: Heap::new(zeal),
            bump: Bump::default(),
            rtts: vec![
                Rtt::new(HOST_TYPE, RttKind::Host, &[], Shape::Host),
                rtt(PAIR, RttKind::Struct, pair),
                rtt(BYTES, RttKind::Array, array(Storage::I8)),
                rtt(REFS, RttKind::Array, array(Storage::Ref)),
            ],
            roots: Vec::new(),
            bytes_max: 1 << 30,
            seed: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn types(rtts: &[Rtt]) -> Vec<*const Rtt> {
        core::iter::once(core::ptr::null())
            .chain(rtts.iter().map(core::ptr::from_ref))
            .collect()
    }

    fn collect(&mut self, pending: u32) {
        let types = World::types(&self.rtts);
        let roots = &mut self.roots;
        let mut visit = |each: &mut dyn FnMut(&mut u32)| roots.iter_mut().for_each(each);
        // SAFETY: all types and roots are here.
        let dropped = unsafe {
            self.heap
                .collect(&mut self.bump, &types, &mut visit, pending)
        };
        dropped.finalise();
        assert_eq!(self.heap.corruption(), None);
    }

    fn verify(&mut self) {
        let types = World::types(&self.rtts);
        let roots = &mut self.roots;
        let mut visit = |each: &mut dyn FnMut(&mut u32)| roots.iter_mut().for_each(each);
        // SAFETY: all types and roots are here.
        unsafe { self.heap.verify(&types, &mut visit) }.unwrap();
    }

    fn try_make(&mut self, size: u32) -> Result<u32, Refusal> {
        let (max, bump) = (self.bytes_max, &mut self.bump);
        match self.heap.allocate(bump, size, max, Attempt::First) {
            Err(Refusal::Collect) => {
                self.collect(size);
                self.heap.allocate(&mut self.bump, size, max, Attempt::Last)
            }
            other => other,
        }
    }

    fn word(&self, at: u32, offset: u32) -> *mut u32 {
        // SAFETY: callers name fields of objects.
        unsafe { self.heap.base().as_ptr().add((at + offset) as usize).cast() }
    }

    fn get(&self, at: u32, offset: u32) -> u32 {
        // SAFETY: as above.
        unsafe { self.word(at, offset).read() }
    }

    fn set(&self, at: u32, offset: u32, value: u32) {
        // SAFETY: as above.
        unsafe { self.word(at, offset).write(value) }
    }

    /// A pair whose references are roots `a` and `b`, which may move.
    fn pair(&mut self, a: usize, b: usize, number: u32) -> u32 {
        let at = self.try_make(16).unwrap();
        self.set(at, 0, PAIR);
        self.set(at, 4, self.roots[a]);
        self.set(at, 8, self.roots[b]);
        self.set(at, 12, number);
        at
    }

    fn array(&mut self, ty: u32, element: Storage, length: u32, fill: u8) -> Result<u32, Refusal> {
        let size = array_size_bytes(element, length).unwrap();
        let at = self.try_make(size)?;
        self.set(at, 0, ty);
        self.set(at, 4, length);
        // SAFETY: the object has as many bytes.
        unsafe {
            self.word(at, 8)
                .cast::<u8>()
                .write_bytes(fill, size as usize - 8);
        }
        Ok(at)
    }

    fn random(&mut self, below: u32) -> u32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        u32::try_from((self.seed >> 16) % u64::from(below)).unwrap()
    }

    fn stats(&self) -> crate::GcStats {
        self.heap.stats(self.bump)
    }
}

const QUIET: GcZeal = GcZeal {
    allocations: 0,
    calls: 0,
    shuffle: false,
    verify: false,
};

/// What a root should look like.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Null,
    Pair(u32),
    Bytes(u32, u8),
}

/// Random objects in random roots, looked at again after every step.
fn fuzz(zeal: GcZeal, steps: u32) {
    let mut world = World::new(zeal);
    world.roots = vec![0; 64];
    let mut model = vec![Model::Null; 64];
    for step in 0..steps {
        let root = world.random(64) as usize;
        match world.random(10) {
            0..=5 => {
                let (a, b) = (world.random(64) as usize, world.random(64) as usize);
                world.roots[root] = world.pair(a, b, step);
                model[root] = Model::Pair(step);
            }
            6 | 7 => {
                let length = match world.random(20) {
                    0 => world.random(200_000),
                    1..=3 => world.random(9000),
                    _ => world.random(200),
                };
                let fill = step as u8;
                let at = world.array(BYTES, Storage::I8, length, fill).unwrap();
                world.roots[root] = at;
                model[root] = Model::Bytes(length, fill);
            }
            8 => {
                (world.roots[root], model[root]) = (0, Model::Null);
            }
            _ => {
                let from = world.random(64) as usize;
                world.roots[root] = world.roots[from];
                model[root] = model[from].clone();
            }
        }
        if step % 512 == 0 {
            world.verify();
        }
        let at = world.random(64) as usize;
        let root = world.roots[at];
        match model[at] {
            Model::Null => assert_eq!(root, 0),
            Model::Pair(number) => {
                assert_eq!(world.get(root, 0), PAIR);
                assert_eq!(world.get(root, 12), number);
            }
            Model::Bytes(length, fill) => {
                assert_eq!((world.get(root, 0), world.get(root, 4)), (BYTES, length));
                // SAFETY: the object has as many bytes.
                let bytes = unsafe {
                    core::slice::from_raw_parts(world.word(root, 8).cast::<u8>(), length as usize)
                };
                assert!(bytes.iter().all(|byte| *byte == fill), "step {step}");
            }
        }
    }
    world.verify();
    world.collect(0);
    assert!(world.stats().collections > 0);
}

#[test]
fn random_objects_keep_their_contents() {
    fuzz(QUIET, if cfg!(miri) { 500 } else { 60_000 });
}

#[test]
fn random_objects_keep_their_contents_under_zeal() {
    for allocations in [1, 3, 17] {
        let zeal = GcZeal {
            allocations,
            verify: true,
            ..QUIET
        };
        fuzz(zeal, if cfg!(miri) { 50 } else { 3000 });
    }
}

#[test]
fn random_objects_keep_their_contents_when_they_move() {
    let zeal = GcZeal {
        allocations: 7,
        shuffle: true,
        verify: true,
        ..QUIET
    };
    fuzz(zeal, if cfg!(miri) { 50 } else { 3000 });
}

#[test]
fn garbage_in_cycles_is_freed() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 2];
    for number in 0..200_000 {
        world.roots[0] = world.pair(1, 1, number);
        world.roots[1] = world.pair(0, 0, number);
        world.set(world.roots[0], 4, world.roots[1]);
        world.roots.fill(0);
    }
    let stats = world.stats();
    assert!(stats.collections > 3);
    assert_eq!(stats.allocated_bytes_total, 200_000 * 32);
    assert!(stats.committed_bytes_max <= 1 << 20, "{stats:?}");
}

#[test]
fn a_queue_takes_no_more_than_its_length() {
    let mut world = World::new(QUIET);
    // Head, tail, null.
    world.roots = vec![0; 3];
    world.roots[0] = world.pair(2, 2, 0);
    world.roots[1] = world.roots[0];
    for number in 1..1_000_000 {
        let node = world.pair(2, 2, number);
        world.set(world.roots[1], 4, node);
        world.roots[1] = node;
        if number >= 20_000 {
            let head = world.roots[0];
            assert_eq!(world.get(head, 12), number - 20_000);
            world.roots[0] = world.get(head, 4);
        }
    }
    let stats = world.stats();
    assert!(stats.committed_bytes_max <= 2 << 20, "{stats:?}");
    assert!(stats.live_bytes <= 20_001 * 16, "{stats:?}");
}

#[test]
fn a_long_list_is_marked_without_recursion() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 2];
    let length = if cfg!(miri) { 1000 } else { 1_000_000 };
    for number in 0..length {
        world.roots[0] = world.pair(0, 1, number);
    }
    world.collect(0);
    assert_eq!(world.stats().live_bytes, u64::from(length) * 16);
    world.roots[0] = 0;
    world.collect(0);
    world.collect(0);
    world.collect(0);
    let stats = world.stats();
    assert_eq!(stats.live_bytes, 0);
    assert!(stats.committed_bytes <= 2 << 20, "{stats:?}");
}

/// A tree whose inner nodes are wide arrays.
fn tree(world: &mut World, depth: u32) -> u32 {
    let at = world.array(REFS, Storage::Ref, 20, 0).unwrap();
    world.roots.push(at);
    let mine = world.roots.len() - 1;
    for index in 0..20 {
        let child = if depth == 0 {
            world.pair(0, 0, index)
        } else {
            tree(world, depth - 1)
        };
        world.set(world.roots[mine], 8 + index * 4, child);
    }
    world.roots.pop().unwrap()
}

#[test]
fn marking_goes_on_when_its_stack_is_full() {
    let mut world = World::new(QUIET);
    world.roots = vec![0];
    world.heap.marks.entries_max = 4;
    let root = tree(&mut world, 2);
    world.roots.push(root);
    // More references than are followed at once.
    let large = world.array(REFS, Storage::Ref, 20_000, 0).unwrap();
    world.roots.push(large);
    for index in 0..20_000 {
        let leaf = world.pair(0, 0, index);
        world.set(world.roots[2], 8 + index * 4, leaf);
    }
    for _ in 0..3 {
        world.collect(0);
        world.verify();
        for index in 0..20_000 {
            let leaf = world.get(world.roots[2], 8 + index * 4);
            assert_eq!(world.get(leaf, 12), index);
        }
    }
    let arrays = (1 + 20 + 400) * 96 + 80_016;
    let pairs = (8000 + 20_000) * 16;
    assert_eq!(world.stats().live_bytes, arrays + pairs);
}

#[test]
fn large_objects_go_back_to_the_system() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 4];
    for step in 0..2000_u32 {
        let length = 8200 + step * 977 % 400_000;
        world.roots[step as usize % 4] =
            world.array(BYTES, Storage::I8, length, step as u8).unwrap();
    }
    let stats = world.stats();
    assert!(stats.committed_bytes_max < 16 << 20, "{stats:?}");
    world.roots.fill(0);
    world.collect(0);
    let committed = world.stats().committed_bytes;
    assert!(committed <= 2 << 20, "{committed}");
}

#[test]
fn limits_are_answered_and_the_heap_stays_usable() {
    let mut world = World::new(QUIET);
    world.bytes_max = 4 << 20;
    world.roots = vec![0; 2];
    let full = world.array(BYTES, Storage::I8, 5 << 20, 0);
    assert_eq!(full, Err(Refusal::Full));
    let mut made = 0_u64;
    loop {
        match world.try_make(16) {
            Ok(at) => {
                world.set(at, 0, PAIR);
                world.set(at, 4, world.roots[0]);
                world.set(at, 8, 0);
                world.set(at, 12, 0);
                world.roots[0] = at;
                made += 16;
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Full);
                break;
            }
        }
    }
    assert!(made > 3 << 20, "{made}");
    assert!(world.stats().committed_bytes_max <= 4 << 20);
    world.roots[0] = 0;
    assert!(world.array(BYTES, Storage::I8, 1 << 20, 0).is_ok());
}

#[test]
fn fragments_do_not_make_the_collector_run_for_nothing() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 1];
    // Every eighth object stays, so that no hole is worth taking.
    let count = 100_000;
    let keep = world.array(REFS, Storage::Ref, count, 0).unwrap();
    world.roots.push(keep);
    for index in 0..count {
        for number in 0..8 {
            let at = world.pair(0, 0, number);
            if number == 3 {
                world.set(world.roots[1], 8 + index * 4, at);
            }
        }
    }
    let before = world.stats().collections;
    for number in 0..1_000_000 {
        world.pair(0, 0, number);
    }
    let stats = world.stats();
    assert!(stats.collections - before < 64, "{stats:?}");
    assert!(stats.committed_bytes_max < 64 << 20, "{stats:?}");
}

#[test]
fn middle_sized_objects_do_not_waste_small_holes() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 1000];
    for step in 0..200_000_usize {
        let root = step % 1000;
        world.roots[root] = if step % 10 == 0 {
            world.array(BYTES, Storage::I8, 3000, 1).unwrap()
        } else {
            world.pair(999, 999, 0)
        };
        world.roots[999] = 0;
    }
    let stats = world.stats();
    assert!(stats.committed_bytes_max < 4 << 20, "{stats:?}");
    world.verify();
}

#[test]
fn values_of_the_host_are_finalised_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            // A destructor that panics stops nobody.
            assert!(self.0.load(Ordering::Relaxed) != 5);
        }
    }
    for shuffle in [false, true] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut world = World::new(GcZeal { shuffle, ..QUIET });
        world.roots = vec![0; 10];
        for index in 0..1000 {
            let value = Box::new(Counted(Arc::clone(&dropped)));
            let slot = world.heap.keep_host_value(value).unwrap();
            let at = world.try_make(16).unwrap();
            world.set(at, 0, HOST_TYPE.0);
            world.set(at, HOST_SLOT_OFFSET, slot);
            world.heap.bind_host_value(slot, at);
            world.roots[index % 10] = at;
            if index % 100 == 0 {
                world.collect(0);
            }
        }
        world.collect(0);
        assert_eq!(dropped.load(Ordering::Relaxed), 990);
        let slot = world.get(world.roots[0], HOST_SLOT_OFFSET);
        assert!(world.heap.host_value(slot).unwrap().is::<Counted>());
        assert_eq!(world.stats().host_values, 10);
        drop(world);
        assert_eq!(dropped.load(Ordering::Relaxed), 1000);
    }
}

#[test]
fn damaged_references_stop_the_heap_and_free_nothing() {
    let mut world = World::new(QUIET);
    world.roots = vec![0];
    world.roots[0] = world.pair(0, 0, 1);
    let good = world.roots[0];
    for bad in [16, UNIT_BYTES - 16, good + 8, 0xffff_fff0] {
        world.roots.push(bad);
        let types = World::types(&world.rtts);
        let roots = &mut world.roots;
        let mut visit = |each: &mut dyn FnMut(&mut u32)| roots.iter_mut().for_each(each);
        // SAFETY: the types are here; a bad root is what is tried.
        unsafe { world.heap.collect(&mut world.bump, &types, &mut visit, 0) }.finalise();
        assert!(world.heap.corruption().is_some(), "{bad:#x}");
        assert_eq!(world.try_make(16), Err(Refusal::Full));
        world.heap.corruption = None;
        world.roots.pop();
    }
    assert_eq!(world.get(good, 12), 1);
}

#[test]
fn a_deep_chain_of_wide_arrays_is_marked_whole_when_the_stack_is_full() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 2];
    world.heap.marks.entries_max = 256;
    let (levels, length) = (1000, 200);
    for _ in 0..levels {
        // The deeper arrays lie below the others.
        let array = world.array(REFS, Storage::Ref, length, 0).unwrap();
        world.roots.push(array);
        for index in 0..length - 1 {
            let leaf = world.pair(1, 1, index);
            world.set(world.roots[2], 8 + index * 4, leaf);
        }
        let array = world.roots.pop().unwrap();
        world.set(array, 8 + (length - 1) * 4, world.roots[0]);
        world.roots[0] = array;
    }
    world.collect(0);
    world.verify();
    let level = (8 + length * 4).next_multiple_of(16) + (length - 1) * 16;
    assert_eq!(world.stats().live_bytes, u64::from(levels * level));
}

/// Fills the heap with a list, up to its limit.
fn fill(world: &mut World) {
    loop {
        match world.try_make(16) {
            Ok(at) => {
                world.set(at, 0, PAIR);
                world.set(at, 4, world.roots[0]);
                world.set(at, 8, 0);
                world.set(at, 12, 0);
                world.roots[0] = at;
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Full);
                return;
            }
        }
    }
}

#[test]
fn a_full_heap_is_not_collected_for_every_few_objects() {
    let mut world = World::new(QUIET);
    world.bytes_max = 4 << 20;
    world.roots = vec![0];
    fill(&mut world);
    for _ in 0..16 {
        world.roots[0] = world.get(world.roots[0], 4);
    }
    let before = world.stats().collections;
    let made = (0..100_000).take_while(|_| world.try_make(16).is_ok());
    let made = made.count();
    let collections = world.stats().collections - before;
    assert!((16..100_000).contains(&made), "{made}");
    assert!(collections <= 10, "{collections}");
    // Who gives the rest up can go on.
    world.roots[0] = 0;
    assert!(world.array(BYTES, Storage::I8, 1 << 20, 0).is_ok());
}

#[test]
fn roots_count_for_when_the_next_collection_comes() {
    let mut world = World::new(QUIET);
    world.roots = vec![0; 1_000_000];
    for number in 0..1_000_000 {
        world.pair(0, 0, number);
    }
    // 16 megabytes of garbage, with eight megabytes' worth of roots.
    let stats = world.stats();
    assert!((1..=2).contains(&stats.collections), "{stats:?}");
    assert_eq!(stats.live_bytes, 0);
}

#[test]
fn values_that_are_left_when_the_heap_goes_may_all_panic() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Panicking(Arc<AtomicUsize>);
    impl Drop for Panicking {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("a destructor of the host");
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut world = World::new(QUIET);
    for _ in 0..3 {
        let value = Box::new(Panicking(Arc::clone(&dropped)));
        world.heap.keep_host_value(value).unwrap();
    }
    drop(world);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn gaps_between_large_objects_are_used_at_the_limit() {
    let mut world = World::new(QUIET);
    world.bytes_max = 16 << 20;
    while let Ok(at) = world.array(BYTES, Storage::I8, 12_000, 1) {
        world.roots.push(at);
    }
    let count = world.roots.len();
    assert!(count > 1200, "{count}");
    world.roots.iter_mut().step_by(2).for_each(|root| *root = 0);
    world.collect(0);
    for _ in 0..count / 2 {
        let at = world.array(BYTES, Storage::I8, 12_000, 2).unwrap();
        world.roots.push(at);
    }
    world.verify();
}
