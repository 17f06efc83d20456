;; Waiting and waking across threads of the system, each with a store of its
;; own: time-outs, counts, values that differ, and memories that grow.

(module $mem
  (memory (export "shared") 1 4 shared))
(register "memory")

(module $main
  (import "memory" "shared" (memory 1 4 shared))
  (func (export "wait32") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  ;; Wakes until that many were woken in all.
  (func (export "notify-all") (param $at i32) (param $count i32) (result i32) (local $woken i32)
    (loop $again
      (local.set $woken
        (i32.add (local.get $woken) (memory.atomic.notify (local.get $at) (i32.const -1))))
      (br_if $again (i32.lt_u (local.get $woken) (local.get $count))))
    (local.get $woken))
  ;; Spins until the word at an address has a value.
  (func (export "await") (param i32 i32)
    (loop $again
      (br_if $again (i32.ne (i32.atomic.load (local.get 0)) (local.get 1))))))

;; Alone: nobody to wake, nobody who wakes.
(assert_return (invoke "notify" (i32.const 0) (i32.const -1)) (i32.const 0))
(assert_return (invoke "notify" (i32.const 0) (i32.const 0)) (i32.const 0))
(assert_return (invoke "wait32" (i32.const 0) (i32.const 1) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait32" (i32.const 0) (i32.const 0) (i64.const 0)) (i32.const 2))
(assert_return (invoke "wait32" (i32.const 0) (i32.const 0) (i64.const 20000000)) (i32.const 2))
(assert_return (invoke "wait64" (i32.const 8) (i64.const 0x100000000) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait64" (i32.const 8) (i64.const 0) (i64.const 1000000)) (i32.const 2))
(assert_trap (invoke "wait32" (i32.const 2) (i32.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "wait64" (i32.const 4) (i64.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "notify" (i32.const 1) (i32.const 0)) "unaligned atomic")
(assert_trap (invoke "wait32" (i32.const 0x10000) (i32.const 0) (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "wait64" (i32.const 0x10000) (i64.const 0) (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "notify" (i32.const 0x10000) (i32.const 0)) "out of bounds memory access")

;; Three wait, all are woken.
(thread $T1 (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32)
      (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1))))
  (assert_return (invoke "run") (i32.const 0)))
(thread $T2 (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32)
      (memory.atomic.wait64 (i32.const 64) (i64.const 0) (i64.const -1))))
  (assert_return (invoke "run") (i32.const 0)))
(thread $T3 (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32)
      (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const 9000000000))))
  (assert_return (invoke "run") (i32.const 0)))
(assert_return (invoke $main "notify-all" (i32.const 64) (i32.const 3)) (i32.const 3))
(wait $T1)
(wait $T2)
(wait $T3)
(assert_return (invoke $main "notify" (i32.const 64) (i32.const -1)) (i32.const 0))

;; A store before the wait is seen by it; a wake before it is lost.
(invoke $main "store" (i32.const 128) (i32.const 1))
(assert_return (invoke $main "notify" (i32.const 128) (i32.const -1)) (i32.const 0))
(thread $T4 (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "differs") (result i32)
      (memory.atomic.wait32 (i32.const 128) (i32.const 0) (i64.const -1)))
    (func (export "times-out") (result i32)
      (memory.atomic.wait32 (i32.const 128) (i32.const 1) (i64.const 50000000))))
  (assert_return (invoke "differs") (i32.const 1))
  (assert_return (invoke "times-out") (i32.const 2)))
(wait $T4)

;; Two threads hand a token back and forth, a hundred times each.
(thread $ping (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32) (local $round i32)
      (loop $rounds
        (block $mine
          (loop $wait
            (br_if $mine (i32.eqz (i32.atomic.load (i32.const 256))))
            (drop (memory.atomic.wait32 (i32.const 256) (i32.const 1) (i64.const -1)))
            (br $wait)))
        (drop (i32.atomic.rmw.add (i32.const 260) (i32.const 1)))
        (i32.atomic.store (i32.const 256) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 256) (i32.const 1)))
        (br_if $rounds
          (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 100))))
      (local.get $round)))
  (assert_return (invoke "run") (i32.const 100)))
(thread $pong (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32) (local $round i32)
      (loop $rounds
        (block $mine
          (loop $wait
            (br_if $mine (i32.atomic.load (i32.const 256)))
            (drop (memory.atomic.wait32 (i32.const 256) (i32.const 0) (i64.const -1)))
            (br $wait)))
        (drop (i32.atomic.rmw.add (i32.const 260) (i32.const 1)))
        (i32.atomic.store (i32.const 256) (i32.const 0))
        (drop (memory.atomic.notify (i32.const 256) (i32.const 1)))
        (br_if $rounds
          (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 100))))
      (local.get $round)))
  (assert_return (invoke "run") (i32.const 100)))
(wait $ping)
(wait $pong)
(assert_return (invoke $main "load" (i32.const 260)) (i32.const 200))

;; One thread grows the memory, the other reaches the new page at once.
(thread $grower (shared (module $mem))
  (register "memory" $mem)
  (module
    (import "memory" "shared" (memory 1 4 shared))
    (func (export "run") (result i32)
      (memory.grow (i32.const 1))
      (i32.atomic.store (i32.const 0x1fffc) (i32.const 77))
      (i32.atomic.store (i32.const 512) (i32.const 1))
      (drop (memory.atomic.notify (i32.const 512) (i32.const -1)))))
  (assert_return (invoke "run") (i32.const 1)))
(invoke $main "await" (i32.const 512) (i32.const 1))
(assert_return (invoke $main "load" (i32.const 0x1fffc)) (i32.const 77))
(assert_return (invoke $main "size") (i32.const 2))
(wait $grower)
(assert_return (invoke $main "grow" (i32.const 2)) (i32.const 2))
(assert_return (invoke $main "grow" (i32.const 1)) (i32.const -1))
(assert_trap (invoke $main "load" (i32.const 0x40000)) "out of bounds memory access")
