;; Component start functions take and make values, in the order of the plan,
;; and values are passed from instance to instance.

;; A value that one instance makes reaches another through an export, an
;; alias and an argument.
(component
  (component $Producer
    (core module $m (func (export "f") (result i32) (i32.const 42)))
    (core instance $i (instantiate $m))
    (func $f (result u32) (canon lift (core func $i "f")))
    (start $f (result (value $v)))
    (export "v" (value $v)))
  (component $Consumer
    (import "v" (value $v u32))
    (core module $m
      (global $g (mut i32) (i32.const 0))
      (func (export "set") (param i32) (global.set $g (local.get 0)))
      (func (export "get") (result i32) (global.get $g)))
    (core instance $i (instantiate $m))
    (func $set (param "v" u32) (canon lift (core func $i "set")))
    (start $set (value $v))
    (func (export "get") (result u32) (canon lift (core func $i "get"))))
  (instance $p (instantiate $Producer))
  (alias export $p "v" (value $v))
  (instance $c (instantiate $Consumer (with "v" (value $v))))
  (export "get" (func $c "get")))
(assert_return (invoke "get") (u32.const 42))

;; Start functions of inner components run before what follows: the second
;; one sees what the first one left.
(component
  (core module $m
    (global $g (mut i32) (i32.const 1))
    (func (export "next") (param i32) (result i32)
      (global.set $g (i32.add (i32.mul (global.get $g) (i32.const 10)) (local.get 0)))
      (global.get $g))
    (func (export "get") (result i32) (global.get $g)))
  (core instance $i (instantiate $m))
  (func $next (param "n" u32) (result u32) (canon lift (core func $i "next")))
  (component $Step
    (import "next" (func $next (param "n" u32) (result u32)))
    (import "n" (value $n u32))
    (start $next (value $n) (result (value $out)))
    (export "out" (value $out)))
  (component $Two
    (core module $m (func (export "f") (result i32) (i32.const 2)))
    (core instance $i (instantiate $m))
    (func $f (result u32) (canon lift (core func $i "f")))
    (start $f (result (value $v)))
    (export "v" (value $v)))
  (instance $two (instantiate $Two))
  (instance $a (instantiate $Step (with "next" (func $next)) (with "n" (value $two "v"))))
  (instance $b (instantiate $Step (with "next" (func $next)) (with "n" (value $a "out"))))
  (export "last" (value $b "out"))
  (func (export "get") (result u32) (canon lift (core func $i "get"))))
;; 1 → 12 → 132
(assert_return (invoke "get") (u32.const 132))

;; Strings cross memories, and the instances that values travel in may nest.
(component
  (component $Libc
    (core module $m
      (memory (export "memory") 1)
      (global $top (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (export "m" (core module $m)))
  (instance $libc (instantiate $Libc))
  (alias export $libc "m" (core module $M))
  (component $Hello
    (alias outer 1 $M (core module $M))
    (core instance $mem (instantiate $M))
    (core module $m
      (import "mem" "memory" (memory 1))
      (data (i32.const 100) "hello")
      (func (export "f") (result i32)
        (i32.store (i32.const 8) (i32.const 100))
        (i32.store (i32.const 12) (i32.const 5))
        (i32.const 8)))
    (core instance $i (instantiate $m (with "mem" (instance $mem))))
    (func $f (result string) (canon lift (core func $i "f") (memory (core memory $mem "memory"))))
    (start $f (result (value $v)))
    (instance $inner (export "greeting" (value $v)))
    (export "inner" (instance $inner)))
  (component $Length
    (import "text" (value $text string))
    (alias outer 1 $M (core module $M))
    (core instance $mem (instantiate $M))
    (core module $m
      (import "mem" "memory" (memory 1))
      (global $first (mut i32) (i32.const 0))
      (global $length (mut i32) (i32.const 0))
      (func (export "take") (param i32 i32)
        (global.set $first (i32.load8_u (local.get 0)))
        (global.set $length (local.get 1)))
      (func (export "first") (result i32) (global.get $first))
      (func (export "length") (result i32) (global.get $length)))
    (core instance $i (instantiate $m (with "mem" (instance $mem))))
    (func $take (param "text" string) (canon lift (core func $i "take")
      (memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))))
    (start $take (value $text))
    (func (export "first") (result char) (canon lift (core func $i "first")))
    (func (export "length") (result u32) (canon lift (core func $i "length"))))
  (instance $hello (instantiate $Hello))
  (alias export $hello "inner" (instance $inner))
  (instance $l (instantiate $Length (with "text" (value $inner "greeting"))))
  (export "first" (func $l "first"))
  (export "length" (func $l "length")))
(assert_return (invoke "first") (char.const "h"))
(assert_return (invoke "length") (u32.const 5))

;; A handle that owns its resource moves with its value.
(component
  (component $Maker
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 77))))
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func $make (result (own $r)) (canon lift (core func $i "make")))
    (start $make (result (value $v)))
    (export "v" (value $v))
    (core module $id (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $id (instantiate $id))
    (func (export "rep") (param "r" (borrow $r)) (result u32)
      (canon lift (core func $id "id"))))
  (instance $maker (instantiate $Maker))
  (component $Keeper
    (import "r" (type $r (sub resource)))
    (import "v" (value $v (own $r)))
    (import "rep" (func $rep (param "r" (borrow $r)) (result u32)))
    (core func $rep' (canon lower (func $rep)))
    (core module $m
      (import "" "rep" (func $rep (param i32) (result i32)))
      (global $h (mut i32) (i32.const 0))
      (func (export "keep") (param i32) (global.set $h (local.get 0)))
      (func (export "ask") (result i32) (call $rep (global.get $h))))
    (core instance $i (instantiate $m (with "" (instance (export "rep" (func $rep'))))))
    (func $keep (param "v" (own $r)) (canon lift (core func $i "keep")))
    (start $keep (value $v))
    (func (export "ask") (result u32) (canon lift (core func $i "ask"))))
  (instance $keeper (instantiate $Keeper
    (with "r" (type $maker "r"))
    (with "v" (value $maker "v"))
    (with "rep" (func $maker "rep"))))
  (export "ask" (func $keeper "ask")))
(assert_return (invoke "ask") (u32.const 77))

;; A start function that traps ends the instantiation.
(assert_trap
  (component
    (core module $m (func (export "f") (unreachable)))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (start $f))
  "unreachable")

;; What a start function makes is checked as every result is.
(assert_trap
  (component
    (core module $m (func (export "f") (result i32) (i32.const 0xd800)))
    (core instance $i (instantiate $m))
    (func $f (result char) (canon lift (core func $i "f")))
    (start $f (result (value $v)))
    (export "v" (value $v)))
  "invalid `char` bit pattern")
