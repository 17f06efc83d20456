;; Properties: functions named `[get]` and `[set]` are functions as any other.
(component
  (core module $m
    (global $a (mut i32) (i32.const 1))
    (func (export "get") (result i32) (global.get $a))
    (func (export "set") (param i32) (global.set $a (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "[get]a") (result u32) (canon lift (core func $i "get")))
  (func (export "[set]a") (param "v" u32) (canon lift (core func $i "set"))))
(assert_return (invoke "[get]a") (u32.const 1))
(assert_return (invoke "[set]a" (u32.const 7)))
(assert_return (invoke "[get]a") (u32.const 7))

;; Of a resource, used by another component.
(component
  (component $Boxes
    (core module $m
      (memory 1)
      (global $top (mut i32) (i32.const 8))
      (func (export "make") (result i32)
        (global.set $top (i32.add (global.get $top) (i32.const 4)))
        (global.get $top))
      (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $make
      (import "" "make" (func $make (result i32)))
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (call $make))))
    (core instance $maker (instantiate $make (with "" (instance
      (export "make" (func $i "make")) (export "new" (func $new))))))
    (func (export "[constructor]r") (result (own $r)) (canon lift (core func $maker "make")))
    (func (export "[method][get]r.p") (param "self" (borrow $r)) (result u32)
      (canon lift (core func $i "get")))
    (func (export "[method][set]r.p") (param "self" (borrow $r)) (param "v" u32)
      (canon lift (core func $i "set"))))
  (instance $boxes (instantiate $Boxes))
  (component $User
    (import "boxes" (instance $boxes
      (export "r" (type $r (sub resource)))
      (export "[constructor]r" (func (result (own $r))))
      (export "[method][get]r.p" (func (param "self" (borrow $r)) (result u32)))
      (export "[method][set]r.p" (func (param "self" (borrow $r)) (param "v" u32)))))
    (core func $make (canon lower (func $boxes "[constructor]r")))
    (core func $get (canon lower (func $boxes "[method][get]r.p")))
    (core func $set (canon lower (func $boxes "[method][set]r.p")))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "get" (func $get (param i32) (result i32)))
      (import "" "set" (func $set (param i32 i32)))
      (func (export "run") (param i32) (result i32)
        (local $a i32) (local $b i32)
        (local.set $a (call $make))
        (local.set $b (call $make))
        (call $set (local.get $a) (local.get 0))
        (call $set (local.get $b) (i32.const 5))
        (i32.sub (call $get (local.get $a)) (call $get (local.get $b)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))
  (instance $user (instantiate $User (with "boxes" (instance $boxes))))
  (export "run" (func $user "run")))
(assert_return (invoke "run" (u32.const 47)) (u32.const 42))
