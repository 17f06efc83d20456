;; The address type is part of a memory's type: imports need the same.

(module $M
  (memory (export "wide") i64 1 4)
  (memory (export "narrow") 1 4)
  (func (export "get") (param i64) (result i32) (i32.load (local.get 0))))
(register "M" $M)

(module
  (import "M" "wide" (memory i64 1 5))
  (func (export "set") (i32.store (i64.const 4) (i32.const 77)))
  (func (export "grow") (result i64) (memory.grow (i64.const 2))))
(invoke "set")
(assert_return (invoke $M "get" (i64.const 4)) (i32.const 77))
(assert_return (invoke "grow") (i64.const 1))
(assert_return (invoke $M "get" (i64.const 0x2fffc)) (i32.const 0))
;; The size is the current one.
(module (import "M" "wide" (memory i64 3 4)))

(assert_unlinkable (module (import "M" "wide" (memory 1 4))) "incompatible import type")
(assert_unlinkable (module (import "M" "narrow" (memory i64 1 4))) "incompatible import type")
(assert_unlinkable (module (import "M" "wide" (memory i64 4 4))) "incompatible import type")
(assert_unlinkable (module (import "M" "wide" (memory i64 1 3))) "incompatible import type")
