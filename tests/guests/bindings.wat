;; The guest of `suites/bindings.rs`: it passes on what it gets.
(component
  (import "test:guest/host" (instance $host
    (export "cell" (type $cell (sub resource)))
    (export "[constructor]cell" (func (param "value" u32) (result (own $cell))))
    (export "[method]cell.join"
      (func (param "self" (borrow $cell)) (param "other" (borrow $cell)) (result u32)))
    (export "[method]cell.get" (func (param "self" (borrow $cell)) (result u32)))
    (export "sum" (func
      (param "a1" u8) (param "a2" u8) (param "a3" u8) (param "a4" u8) (param "a5" u8)
      (param "a6" u8) (param "a7" u8) (param "a8" u8) (param "a9" u8) (param "a10" u8)
      (param "a11" u8) (param "a12" u8) (param "a13" u8) (param "a14" u8) (param "a15" u8)
      (param "a16" u8) (param "a17" u64) (result u64)))
    (export "fail" (func))))
  (alias export $host "cell" (type $cell))

  (core module $Memory
    (memory (export "memory") 1)
    (data (i32.const 0) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10\11")
    (global $alive (export "alive") (mut i32) (i32.const 0))
    (func (export "drop") (param i32)
      (global.set $alive (i32.sub (global.get $alive) (i32.const 1)))))
  (core instance $memory (instantiate $Memory))
  (type $thing (resource (rep i32) (dtor (core func $memory "drop"))))
  (core func $new-thing (canon resource.new $thing))
  (core func $drop-cell (canon resource.drop $cell))
  (core func $cell (canon lower (func $host "[constructor]cell")))
  (core func $join (canon lower (func $host "[method]cell.join")))
  (core func $get (canon lower (func $host "[method]cell.get")))
  (core func $fail (canon lower (func $host "fail")))
  (core func $sum
    (canon lower (func $host "sum") (memory (core memory $memory "memory"))))

  (core module $Main
    (import "memory" "alive" (global $alive (mut i32)))
    (import "host" "new-thing" (func $new-thing (param i32) (result i32)))
    (import "host" "drop-cell" (func $drop-cell (param i32)))
    (import "host" "cell" (func $cell (param i32) (result i32)))
    (import "host" "join" (func $join (param i32 i32) (result i32)))
    (import "host" "get" (func $get (param i32) (result i32)))
    (import "host" "fail" (func $fail))
    (import "host" "sum" (func $sum (param i32) (result i64)))
    ;; Joins a cell with one of 2, or with itself.
    (func (export "join") (param $value i32) (param $same i32) (result i32)
      (local $a i32) (local $b i32)
      (local.set $a (call $cell (local.get $value)))
      (local.set $b (call $cell (i32.const 2)))
      (call $join
        (local.get $a)
        (select (local.get $a) (local.get $b) (local.get $same))))
    (func (export "get") (param $cell i32) (result i32)
      (call $get (local.get $cell))
      (call $drop-cell (local.get $cell)))
    (func (export "fail") (call $fail))
    ;; The parameters stand at the start of the memory: sixteen bytes, then a u64.
    (func (export "sum") (result i64) (call $sum (i32.const 0)))
    (func (export "thing") (param $n i32) (result i32)
      (global.set $alive (i32.add (global.get $alive) (i32.const 1)))
      (call $new-thing (local.get $n)))
    (func (export "thing.get") (param $n i32) (result i32) (local.get $n))
    (func (export "alive") (result i32) (global.get $alive)))
  (core instance $main (instantiate $Main
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "new-thing" (func $new-thing))
      (export "drop-cell" (func $drop-cell))
      (export "cell" (func $cell))
      (export "join" (func $join))
      (export "get" (func $get))
      (export "fail" (func $fail))
      (export "sum" (func $sum))))))

  (func (export "join") (param "a" u32) (param "same" bool) (result u32)
    (canon lift (core func $main "join")))
  (func (export "sum") (result u64) (canon lift (core func $main "sum")))
  (func (export "fail") (canon lift (core func $main "fail")))
  (func (export "get") (param "c" (borrow $cell)) (result u32)
    (canon lift (core func $main "get")))

  (func $thing (param "n" u32) (result (own $thing)) (canon lift (core func $main "thing")))
  (func $thing-get (param "self" (borrow $thing)) (result u32)
    (canon lift (core func $main "thing.get")))
  (func $alive (result u32) (canon lift (core func $main "alive")))
  (component $Things
    (import "thing" (type $thing (sub resource)))
    (import "new" (func $new (param "n" u32) (result (own $thing))))
    (import "get" (func $get (param "self" (borrow $thing)) (result u32)))
    (import "alive" (func $alive (result u32)))
    (export $named "thing" (type $thing))
    (export "[constructor]thing" (func $new) (func (param "n" u32) (result (own $named))))
    (export "[method]thing.get" (func $get) (func (param "self" (borrow $named)) (result u32)))
    (export "alive" (func $alive)))
  (instance $things (instantiate $Things
    (with "thing" (type $thing))
    (with "new" (func $thing))
    (with "get" (func $thing-get))
    (with "alive" (func $alive))))
  (export "test:guest/things" (instance $things)))
