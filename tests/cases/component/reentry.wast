;; Functions that are not `async` can be entered while a call of their instance
;; has not ended: an outer component whose function calls an inner one, which
;; calls the outer one again.
(component
  (core module $State
    (global $depth (mut i32) (i32.const 0))
    (func (export "back") (param i32) (result i32)
      (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
      (if (i32.eq (local.get 0) (i32.const 9)) (then (unreachable)))
      (i32.add (global.get $depth) (local.get 0)))
    (func (export "depth") (result i32) (global.get $depth)))
  (core instance $state (instantiate $State))
  (func $back (param "n" u32) (result u32) (canon lift (core func $state "back")))
  (component $Inner
    (import "back" (func $back (param "n" u32) (result u32)))
    (core func $back' (canon lower (func $back)))
    (core module $M
      (import "" "back" (func $back (param i32) (result i32)))
      (func (export "go") (param i32) (result i32)
        (drop (call $back (local.get 0)))
        (call $back (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "back" (func $back'))))))
    (func (export "go") (param "n" u32) (result u32) (canon lift (core func $m "go"))))
  (instance $inner (instantiate $Inner (with "back" (func $back))))
  (core func $go (canon lower (func $inner "go")))
  (core module $Outer
    (import "" "go" (func $go (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $go (local.get 0))))
  (core instance $outer (instantiate $Outer (with "" (instance (export "go" (func $go))))))
  (func (export "run") (param "n" u32) (result u32) (canon lift (core func $outer "run")))
  (func (export "depth") (result u32) (canon lift (core func $state "depth"))))

(assert_return (invoke "run" (u32.const 10)) (u32.const 12))
(assert_return (invoke "run" (u32.const 0)) (u32.const 4))
(assert_return (invoke "depth") (u32.const 4))
;; A trap on the way locks both: the outer one is on the stack twice.
(assert_trap (invoke "run" (u32.const 9)) "unreachable")
(assert_trap (invoke "depth") "cannot enter component instance: it trapped before: unreachable")
