;; The slots of a running call's storage hold 64 bits in a component that asks
;; for them, and each call has its own.

(component
  (component $Inner
    (core func $get (canon context.get i64 0))
    (core func $set (canon context.set i64 0))
    (core func $get' (canon context.get i64 1))
    (core func $set' (canon context.set i64 1))
    (core module $M
      (import "" "get0" (func $get0 (result i64)))
      (import "" "set0" (func $set0 (param i64)))
      (import "" "get1" (func $get1 (result i64)))
      (import "" "set1" (func $set1 (param i64)))
      (func (export "round") (param i64 i64) (result i64)
        ;; Nothing is left of an earlier call.
        (if (i64.ne (i64.or (call $get0) (call $get1)) (i64.const 0)) (then unreachable))
        (call $set0 (local.get 0))
        (call $set1 (local.get 1))
        (i64.xor (call $get0) (call $get1))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get0" (func $get)) (export "set0" (func $set))
      (export "get1" (func $get')) (export "set1" (func $set'))))))
    (func (export "round") (param "a" u64) (param "b" u64) (result u64) (canon lift (core func $m "round"))))
  ;; Another component of the same call chain has slots of 32 bits.
  (component $Outer
    (import "round" (func $round (param "a" u64) (param "b" u64) (result u64)))
    (core func $round' (canon lower (func $round)))
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $M
      (import "" "round" (func $round (param i64 i64) (result i64)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "run") (param i64 i64) (result i64)
        (local i64)
        (call $set (i32.const 0xcafe_f00d))
        (local.set 2 (call $round (local.get 0) (local.get 1)))
        (if (i32.ne (call $get) (i32.const 0xcafe_f00d)) (then unreachable))
        (local.get 2)))
    (core instance $m (instantiate $M (with "" (instance
      (export "round" (func $round')) (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "run") (param "a" u64) (param "b" u64) (result u64) (canon lift (core func $m "run"))))
  (instance $inner (instantiate $Inner))
  (instance $outer (instantiate $Outer (with "round" (func $inner "round"))))
  (export "round" (func $inner "round"))
  (export "run" (func $outer "run"))
)

(assert_return (invoke "round" (u64.const 0xf000_0000_0000_0000) (u64.const 1)) (u64.const 0xf000_0000_0000_0001))
(assert_return (invoke "round" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 0xffff_ffff)) (u64.const 0xffff_ffff_0000_0000))
(assert_return (invoke "run" (u64.const 0x1_0000_0000) (u64.const 2)) (u64.const 0x1_0000_0002))
