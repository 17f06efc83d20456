;; Linking without shared memory between components, and with it between the
;; core modules of one: modules are imported and exported as they are, and each
;; component instantiates its own.

;; One library module for two components: code is shared, memory is not.
(component
  (core module $Libc
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 16))
    (func (export "malloc") (param i32) (result i32)
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (local.get 0)))))
  (core module $Zip
    (import "libc" "memory" (memory 1))
    (import "libc" "malloc" (func $malloc (param i32) (result i32)))
    (func (export "zip") (param i32) (result i32)
      (local $p i32)
      (local.set $p (call $malloc (i32.const 8)))
      (i32.store (local.get $p) (i32.mul (local.get 0) (i32.const 2)))
      (i32.add (local.get $p) (i32.load (local.get $p)))))
  (component $Tool
    (import "libc" (core module $Libc
      (export "memory" (memory 1))
      (export "malloc" (func (param i32) (result i32)))))
    (import "zip" (core module $Zip
      (import "libc" "memory" (memory 1))
      (import "libc" "malloc" (func (param i32) (result i32)))
      (export "zip" (func (param i32) (result i32)))))
    (core instance $libc (instantiate $Libc))
    (core instance $zip (instantiate $Zip (with "libc" (instance $libc))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $zip "zip"))))
  (instance $one (instantiate $Tool
    (with "libc" (core module $Libc)) (with "zip" (core module $Zip))))
  (instance $two (instantiate $Tool
    (with "libc" (core module $Libc)) (with "zip" (core module $Zip))))
  (export "one" (func $one "run"))
  (export "two" (func $two "run")))
(assert_return (invoke "one" (u32.const 100)) (u32.const 216))
(assert_return (invoke "one" (u32.const 100)) (u32.const 224))
(assert_return (invoke "two" (u32.const 100)) (u32.const 216))

;; Modules that refer to each other through one table: a stub is filled in
;; after both are there.
(component
  (core module $Table
    (type $f (func (param i32) (result i32)))
    (table (export "t") 1 funcref)
    (func (export "odd") (param i32) (result i32)
      (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (core instance $table (instantiate $Table))
  (core module $Even
    (import "" "odd" (func $odd (param i32) (result i32)))
    (func (export "even") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.const 1))
        (else (call $odd (i32.sub (local.get 0) (i32.const 1)))))))
  (core instance $even (instantiate $Even
    (with "" (instance (export "odd" (func $table "odd"))))))
  (core module $Odd
    (import "" "t" (table 1 funcref))
    (import "" "even" (func $even (param i32) (result i32)))
    (func $odd (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.const 0))
        (else (call $even (i32.sub (local.get 0) (i32.const 1))))))
    (elem (i32.const 0) func $odd))
  (core instance $odd (instantiate $Odd (with "" (instance
    (export "t" (table $table "t"))
    (export "even" (func $even "even"))))))
  (func (export "is-even") (param "n" u32) (result bool) (canon lift (core func $even "even"))))
(assert_return (invoke "is-even" (u32.const 10)) (bool.const true))
(assert_return (invoke "is-even" (u32.const 7)) (bool.const false))

;; A module travels through exports and instances before it is instantiated.
(component
  (component $Shelf
    (core module $m (func (export "f") (result i32) (i32.const 9)))
    (instance $inner (export "m" (core module $m)))
    (export "inner" (instance $inner)))
  (instance $shelf (instantiate $Shelf))
  (alias export $shelf "inner" (instance $inner))
  (alias export $inner "m" (core module $m))
  (core instance $i (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $i "f"))))
(assert_return (invoke "f") (u32.const 9))
